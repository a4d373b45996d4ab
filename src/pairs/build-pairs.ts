import type { ChatMessage } from '../engine/engine.ts';
import { InvalidArgumentError } from '../errors.ts';
import { exampleTurns, type PairItem, type PairKind, type PairStyles, type StyledItem } from './item.ts';
import { type ContrastivePair, makePair, type PairOptions } from './pair.ts';
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
  /**
   * For items with `styles`: the example turns show the answers of these two, as they are. Default: the items' steps
   * and answer, against the answer alone.
   */
  readonly styles?: PairStyles;
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
  const { turns = 2, selection = 'given', seed = 0, system, styles } = options;
  const checked = items.map((item, i) => exampleTurns(item, `item ${i}`, styles));
  if (checked.length < 2) {
    throw new InvalidArgumentError(
      'items',
      `At least 2 items are needed, as each shows others as examples; found ${checked.length}.`,
    );
  }
  return selectExamples(checked.length, turns, selection, seed).map((examples, item) => {
    const side = (kind: PairKind): ChatMessage[] => [
      ...(system === undefined ? [] : [{ role: 'system', content: system }]),
      ...examples.flatMap((example) => [
        { role: 'user', content: checked[example]!.question },
        { role: 'assistant', content: checked[example]![kind] },
      ]),
      { role: 'user', content: checked[item]!.question },
    ];
    const pair = makePair(side('positive'), side('negative'), options, `item ${item}`);
    return { ...pair, source: { item, examples } };
  });
}
