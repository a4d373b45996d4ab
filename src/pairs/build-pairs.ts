import { InvalidArgumentError } from '../errors.ts';
import {
  defaultStyles,
  type ExampleTurns,
  exampleTurns,
  type PairItem,
  type PairKind,
  type PairStyles,
  type StyledItem,
  sameAnswer,
} from './item.ts';
import { lengthMatcher, noPadding, type Padding } from './match-length.ts';
import { type ContrastivePair, makePair, type PairOptions } from './pair.ts';
import { chatPrompts, templatePrompts, turnOf } from './prompt-template.ts';
import { type ExampleSelection, selectExamples } from './select-examples.ts';

export interface BuildPairsOptions extends PairOptions {
  /**
   * Example turns a prompt, 1 to items - 1. Default 2: published settings go from 1 to 12; two show that the style
   * is a habit at a fraction of the prefill, and are what the parity checks use. Without effect where `selection`
   * lists indices.
   */
  readonly turns?: number;
  /** Default `given`. */
  readonly selection?: ExampleSelection;
  /** For `random`: a safe integer, default 0. */
  readonly seed?: number;
  /** System message. Default: what the chat template puts there itself. */
  readonly system?: string;
  /** How the two sides' example turns answer. Default: worked steps against bare answers. */
  readonly styles?: PairStyles;
  /** Pairs to make: of the first items that give one. Default: all. The other items are examples only. */
  readonly count?: number;
  /** One turn, such as `Q: {question}\nA: {answer}\n\n`. Default: the model's chat template. */
  readonly template?: string;
  /**
   * Put further example turns in front of the shorter prompt, so that both have as nearly the same number of tokens as
   * the items allow. Then post-RoPE keys of the two sides differ by content, and not by position. Default false.
   */
  readonly matchLength?: boolean;
  /** Leave out pairs whose prompts differ by more tokens than this. Default: none. */
  readonly maxGap?: number;
  /** Called for each pair that `maxGap` leaves out. */
  readonly onLeftOut?: (leftOut: LeftOutPair) => void;
}

export interface LeftOutPair {
  /** Index of the item that was asked. */
  readonly item: number;
  /** Tokens that the positive prompt is longer than the negative; below zero where it is shorter. */
  readonly gap: number;
}

/**
 * A pair an item (arXiv 2507.08799, section 3): example turns that reason step by step (positive) or only answer
 * (negative), or in two other styles; then the item's own question and the generation prompt.
 *
 * @throws InvalidArgumentError for items, turns or a selection out of range; see {@link makePair} for the rest.
 */
export function buildPairs(
  items: readonly (PairItem | StyledItem)[],
  options: BuildPairsOptions,
): ContrastivePair[] {
  return [...pairsOf(items, options)];
}

/**
 * The pairs of {@link buildPairs} one at a time, so that a long list of them is never in memory. Items and options are
 * checked at once, prompts as they are made.
 */
export function pairsOf(
  items: readonly (PairItem | StyledItem)[],
  options: BuildPairsOptions,
): Generator<ContrastivePair, void, undefined> {
  const { turns = 2, selection = 'given', seed = 0, styles = defaultStyles } = options;
  const { count = items.length, maxGap = Infinity } = options;
  requireAtLeast('count', count, 1);
  if (maxGap !== Infinity) requireAtLeast('maxGap', maxGap, 0);
  const checked = turnsOf(items, styles);
  if (checked.length < 2) {
    throw new InvalidArgumentError(
      'items',
      `At least 2 items are needed, as each shows others as examples; found ${checked.length}.`,
    );
  }
  const questions = checked.map(({ question }) => question);
  const write =
    options.template === undefined
      ? chatPrompts(options.system)
      : templatePrompts(options.template, options.system);
  const examplesOf = selectExamples(questions, turns, selection, seed);
  const paddingOf = options.matchLength ? lengthMatcher(checked, write, options.tokenizer) : null;

  function pairOf(item: number): ContrastivePair {
    const examples = examplesOf(item);
    const make = (padding: Padding): ContrastivePair => {
      const side = (kind: PairKind) => {
        const shown = [...padding[kind], ...examples];
        const answered = shown.map((example) => turnOf(checked[example]!, kind));
        return write(answered, questions[item]!);
      };
      const source = { item, examples, ...(padding !== noPadding && { padding }) };
      return { ...makePair(side('positive'), side('negative'), options, `item ${item}`), source };
    };
    const pair = make(noPadding);
    return paddingOf === null ? pair : make(paddingOf(item, examples, gapOf(pair)));
  }

  return (function* () {
    let made = 0;
    for (let item = 0; item < checked.length && made < count; item++) {
      const pair = pairOf(item);
      const gap = gapOf(pair);
      if (Math.abs(gap) > maxGap) {
        options.onLeftOut?.({ item, gap });
        continue;
      }
      made++;
      yield pair;
    }
  })();
}

/**
 * What each item's example turns say in the two styles.
 *
 * @throws InvalidArgumentError naming the item that lacks what a style is made of.
 */
export function turnsOf(items: readonly (PairItem | StyledItem)[], styles: PairStyles): ExampleTurns[] {
  return items.map((item, i) => exampleTurns(item, `item ${i}`, styles, otherAnswer(items, i, styles)));
}

/** Tokens that the positive prompt is longer than the negative. */
function gapOf({ positive, negative }: ContrastivePair): number {
  return positive.tokens.length - negative.tokens.length;
}

/** The answer of the next item that has another one; only where a style asks for it. */
function otherAnswer(
  items: readonly (PairItem | StyledItem)[],
  index: number,
  styles: PairStyles,
): string | number {
  if (!Object.values(styles).includes('wrong-answer')) return '';
  const answerOf = (item: unknown) => (item as Partial<PairItem> | null)?.answer;
  for (let step = 1; step < items.length; step++) {
    const answer = answerOf(items[(index + step) % items.length]);
    if (answer !== undefined && !sameAnswer(answer, answerOf(items[index]))) return answer;
  }
  throw new InvalidArgumentError(
    'items',
    `item ${index}: no other item has another answer, so there is no wrong one to show. Use other items or another style.`,
  );
}

function requireAtLeast(argument: 'count' | 'maxGap', value: number, least: number): void {
  if (Number.isSafeInteger(value) && value >= least) return;
  throw new InvalidArgumentError(argument, `${argument} must be an integer from ${least} up, not ${value}.`);
}
