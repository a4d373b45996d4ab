import { InvalidArgumentError } from '../errors.ts';

/** A worked question: what both sides of a contrastive pair are made of. */
export interface PairItem {
  readonly question: string;
  /** The worked solution: its steps, which are joined by a blank, or one text. */
  readonly steps: readonly string[] | string;
  readonly answer: string | number;
  /** A solution that goes wrong, for negatives in the style `wrong-steps`. */
  readonly wrong?: WrongSolution;
}

export interface WrongSolution {
  readonly steps: readonly string[] | string;
  /** Where the wrong steps lead: another than the item's. */
  readonly answer: string | number;
}

/** A question with its answer written in several ways, each the whole of an example turn. */
export interface StyledItem {
  readonly question: string;
  /** By the style's name. */
  readonly styles: Readonly<Record<string, string>>;
}

export type PairKind = 'positive' | 'negative';

/**
 * How each side's example turns answer: a name among the item's own `styles`, or one of {@link builtInStyles}, which are
 * made of a {@link PairItem}.
 */
export type PairStyles = Readonly<Record<PairKind, string>>;

/** The published pairs (arXiv 2507.08799, section 3): worked steps against bare answers. */
export const defaultStyles: PairStyles = { positive: 'steps', negative: 'direct' };

export const builtInStyles = {
  steps: 'the worked steps, then "The answer is N."',
  direct: '"The answer is N." alone',
  'wrong-answer': '"The answer is M." alone, with the answer of another item',
  'wrong-steps': 'the steps and the answer of the item\'s "wrong" solution',
} as const;

/** A question and the example turns that either side makes of it. */
export interface ExampleTurns extends Readonly<Record<PairKind, string>> {
  readonly question: string;
}

/**
 * The turns that an item gives in the two styles. A bare answer keeps its leading blank, as published.
 *
 * @param where names the item in the message, e.g. `item 3`.
 * @param otherAnswer the answer that `wrong-answer` gives.
 * @throws InvalidArgumentError for an item that lacks what a style is made of; no text may be blank.
 */
export function exampleTurns(
  value: unknown,
  where: string,
  styles: PairStyles,
  otherAnswer: string | number,
): ExampleTurns {
  const item = fieldsOf(value);
  const { question } = item;
  if (!isText(question)) {
    throw reject(where, '"question" to be a text that is not blank', question);
  }
  const turn = (style: string) => turnIn(style, item, where, otherAnswer);
  return { question, positive: turn(styles.positive), negative: turn(styles.negative) };
}

function turnIn(
  style: string,
  item: Record<string, unknown>,
  where: string,
  otherAnswer: string | number,
): string {
  const own = fieldsOf(item.styles);
  if (Object.hasOwn(own, style) && isText(own[style])) return own[style];
  const isStyled = item.styles !== undefined;
  if (isStyled && item.answer === undefined) throw missingStyle(style, item, where);
  switch (style) {
    case 'steps':
      return solution(item, where);
    case 'direct':
      return ending(requireAnswer(item.answer, where));
    case 'wrong-answer':
      return ending(otherAnswer);
    case 'wrong-steps': {
      if (item.wrong === undefined) throw reject(where, '"wrong" to be {"steps", "answer"}', item.wrong);
      const wrong = fieldsOf(item.wrong);
      const text = solution(wrong, `${where}, "wrong"`);
      if (sameAnswer(wrong.answer, item.answer)) {
        throw reject(where, '"wrong" to have another answer than the item', wrong.answer);
      }
      return text;
    }
    default:
      throw missingStyle(style, item, where);
  }
}

function missingStyle(style: string, { styles }: Record<string, unknown>, where: string) {
  const found = styles !== null && typeof styles === 'object' ? Object.keys(styles) : styles;
  const known = found === undefined ? `, nor is it one of ${Object.keys(builtInStyles).join(', ')}` : '';
  const expected = `"styles" to hold an answer named ${JSON.stringify(style)}`;
  return new InvalidArgumentError('items', `${where}: expected ${expected}, found ${show(found)}${known}.`);
}

function solution({ steps, answer }: Record<string, unknown>, where: string): string {
  const texts = requireSteps(steps, where);
  return (typeof texts === 'string' ? texts : texts.join(' ')) + ending(requireAnswer(answer, where));
}

function ending(answer: string | number): string {
  return ` The answer is ${answer}.`;
}

/** Whether two answers are one, however they are written: 7, "7" and " 7 ". */
export function sameAnswer(one: unknown, other: unknown): boolean {
  return String(one).trim().toLowerCase() === String(other).trim().toLowerCase();
}

/**
 * @param where names the item in the message, e.g. `item 3`.
 * @throws InvalidArgumentError unless `value` is a {@link PairItem} without blank texts.
 */
export function requireItem(value: unknown, where: string): PairItem {
  const { question, steps, answer, wrong } = fieldsOf(value);
  if (!isText(question)) throw reject(where, '"question" to be a text that is not blank', question);
  const item = { question, steps: requireSteps(steps, where), answer: requireAnswer(answer, where) };
  if (wrong === undefined) return item;
  const { steps: wrongSteps, answer: wrongAnswer } = fieldsOf(wrong);
  const inside = `${where}, "wrong"`;
  return {
    ...item,
    wrong: { steps: requireSteps(wrongSteps, inside), answer: requireAnswer(wrongAnswer, inside) },
  };
}

function requireSteps(steps: unknown, where: string): readonly string[] | string {
  const isGood = Array.isArray(steps) ? steps.length > 0 && steps.every(isText) : isText(steps);
  if (!isGood) throw reject(where, '"steps" to be a text or a list of texts, none of them blank', steps);
  return steps as readonly string[] | string;
}

function requireAnswer(answer: unknown, where: string): string | number {
  if (isText(answer) || (typeof answer === 'number' && Number.isFinite(answer))) return answer;
  throw reject(where, '"answer" to be a text that is not blank, or a number', answer);
}

function reject(where: string, expected: string, found: unknown): InvalidArgumentError {
  return new InvalidArgumentError('items', `${where}: expected ${expected}, found ${show(found)}.`);
}

function fieldsOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.trim() !== '';
}

/** A value as JSON, short enough for a message. */
export function show(value: unknown): string {
  const json = value === undefined ? 'nothing' : (JSON.stringify(value) ?? String(value));
  return json.length > 80 ? `${json.slice(0, 77)}...` : json;
}
