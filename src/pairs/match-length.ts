import { questionKey } from '../data/question-key.ts';
import type { Tokenizer } from '../engine/engine.ts';
import type { ExampleTurns, PairKind } from './item.ts';
import { promptText } from './pair.ts';
import { type PromptWriter, turnOf } from './prompt-template.ts';
import { nextItems } from './select-examples.ts';

/** Items whose turns stand in front of the examples, a list for each side. */
export type Padding = Readonly<Record<PairKind, readonly number[]>>;

export const noPadding: Padding = { positive: [], negative: [] };

/** Fewer leave too little to choose from. */
const LEAST_CANDIDATES = 24;

/**
 * Chooses the turns that make the shorter prompt of a pair as long as the other: of the items that come next, those whose
 * turns' tokens add up nearest to the gap.
 *
 * @returns for an item, its examples, and the tokens that its positive prompt is longer (below zero: shorter).
 */
export function lengthMatcher(
  items: readonly ExampleTurns[],
  write: PromptWriter,
  tokenizer: Tokenizer,
): (item: number, examples: readonly number[], gap: number) => Padding {
  const keys = items.map(({ question }) => questionKey(question));
  const candidatesOf = nextItems(items.length);
  const tokens = (turns: Parameters<PromptWriter>[0]) =>
    tokenizer.encode(promptText(write(turns, items[0]!.question), tokenizer, 'pair')).length;
  const empty = tokens([]);
  const costs = { positive: new Map<number, number>(), negative: new Map<number, number>() };
  const costOf = (item: number, kind: PairKind): number => {
    // Exact where a turn ends in a special token, as those of chat templates do; else a word may join across the border.
    const cost = costs[kind].get(item) ?? Math.max(1, tokens([turnOf(items[item]!, kind)]) - empty);
    costs[kind].set(item, cost);
    return cost;
  };
  return (item, examples, gap) => {
    if (gap === 0) return noPadding;
    const kind = gap > 0 ? 'negative' : 'positive';
    const candidates: number[] = [];
    let sum = 0;
    for (const other of candidatesOf(item, items.length)) {
      // The same question again would give the answer away.
      if (examples.includes(other) || keys[other] === keys[item]) continue;
      candidates.push(other);
      sum += costOf(other, kind);
      if (candidates.length >= LEAST_CANDIDATES && sum >= 2 * Math.abs(gap)) break;
    }
    const costs = candidates.map((other) => costOf(other, kind));
    const chosen = nearestSum(costs, Math.abs(gap)).map((index) => candidates[index]!);
    return chosen.length === 0 ? noPadding : { ...noPadding, [kind]: chosen };
  };
}

/**
 * The subset of `costs` whose sum comes nearest to `gap`; of two that are equally near the smaller sum. Costs that come
 * first are preferred where they do as well.
 *
 * @param costs positive integers. @param gap a positive integer.
 * @returns ascending indices into `costs`.
 */
export function nearestSum(costs: readonly number[], gap: number): number[] {
  // Past the gap by more than one cost, leaving that one out would be nearer.
  const most = gap + Math.max(0, ...costs);
  /** The last cost of the first way found to each sum; -1 where there is none yet. */
  const last = new Int32Array(most + 1).fill(-1);
  for (const [i, cost] of costs.entries()) {
    for (let sum = most; sum >= cost; sum--) {
      // Downwards, so that `sum - cost` is still a sum of earlier costs alone.
      if (last[sum] === -1 && (sum === cost || last[sum - cost] !== -1)) last[sum] = i;
    }
  }
  let best = 0;
  for (let sum = 1; sum <= most; sum++) {
    if (last[sum] !== -1 && Math.abs(gap - sum) < Math.abs(gap - best)) best = sum;
  }
  const chosen: number[] = [];
  for (let sum = best; sum > 0; sum -= costs[chosen.at(-1)!]!) chosen.push(last[sum]!);
  return chosen.reverse();
}
