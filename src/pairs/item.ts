import { InvalidArgumentError } from '../errors.ts';

/** A worked question: what both sides of a contrastive pair are made of. */
export interface PairItem {
  readonly question: string;
  /** The worked solution: its steps, which are joined by a blank, or one text. */
  readonly steps: readonly string[] | string;
  readonly answer: string | number;
}

/** A question with its answer written in several ways, each the whole of an example turn. */
export interface StyledItem {
  readonly question: string;
  /** By the style's name. */
  readonly styles: Readonly<Record<string, string>>;
}

export type PairKind = 'positive' | 'negative';

/** Which of an item's styles each side's example turns show. */
export type PairStyles = Readonly<Record<PairKind, string>>;

/** A question and the example turns that either side makes of it. */
export interface ExampleTurns extends Readonly<Record<PairKind, string>> {
  readonly question: string;
}

/**
 * The assistant's example turn: the steps and " The answer is N.", or that alone (leading blank kept, as published).
 */
export function exampleTurn(item: PairItem, kind: PairKind): string {
  const answer = ` The answer is ${item.answer}.`;
  if (kind === 'negative') return answer;
  return (typeof item.steps === 'string' ? item.steps : item.steps.join(' ')) + answer;
}

/**
 * The turns that an item gives: its answers in the two styles, or with and without its steps where none are named.
 *
 * @param where names the item in the message, e.g. `item 3`.
 * @throws InvalidArgumentError unless `value` is a {@link StyledItem} with both, or a {@link PairItem}; no text is blank.
 */
export function exampleTurns(value: unknown, where: string, styles: PairStyles | undefined): ExampleTurns {
  if (styles === undefined) {
    const item = requireItem(value, where);
    const { question } = item;
    return { question, positive: exampleTurn(item, 'positive'), negative: exampleTurn(item, 'negative') };
  }
  const { question, styles: answers } = (value ?? {}) as Partial<StyledItem>;
  const answer = (kind: PairKind): string => {
    const text = answers !== null && typeof answers === 'object' ? answers[styles[kind]] : undefined;
    if (isText(text)) return text;
    throw new InvalidArgumentError(
      'items',
      `${where}: expected "styles" to hold an answer named ${JSON.stringify(styles[kind])}, found ${show(
        answers !== null && typeof answers === 'object' ? Object.keys(answers) : answers,
      )}.`,
    );
  };
  if (!isText(question)) {
    throw new InvalidArgumentError(
      'items',
      `${where}: expected "question" to be a text that is not blank, found ${show(question)}.`,
    );
  }
  return { question, positive: answer('positive'), negative: answer('negative') };
}

/**
 * @param where names the item in the message, e.g. `item 3`.
 * @throws InvalidArgumentError unless `value` is a {@link PairItem} without blank texts.
 */
export function requireItem(value: unknown, where: string): PairItem {
  const item = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
  const { question, steps, answer } = item;
  const reject = (expected: string, found: unknown): never => {
    throw new InvalidArgumentError('items', `${where}: expected ${expected}, found ${show(found)}.`);
  };
  if (!isText(question)) return reject('"question" to be a text that is not blank', question);
  const goodSteps = Array.isArray(steps) ? steps.length > 0 && steps.every(isText) : isText(steps);
  if (!goodSteps) return reject('"steps" to be a text or a list of texts, none of them blank', steps);
  if (!isText(answer) && !(typeof answer === 'number' && Number.isFinite(answer))) {
    return reject('"answer" to be a text that is not blank, or a number', answer);
  }
  return { question, steps: steps as readonly string[] | string, answer };
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.trim() !== '';
}

/** A value as JSON, short enough for a message. */
export function show(value: unknown): string {
  const json = value === undefined ? 'nothing' : (JSON.stringify(value) ?? String(value));
  return json.length > 80 ? `${json.slice(0, 77)}...` : json;
}
