import type { Parts, SideState } from '../accumulator.ts';
import type { Aggregator, AggregatorContext } from './aggregator.ts';
import { DifferenceStore } from './difference-store.ts';

/** The median of each component: a few pairs that are unlike the others do not move it. */
export class MedianAggregator implements Aggregator {
  readonly #store: DifferenceStore;

  constructor(context: AggregatorContext) {
    this.#store = new DifferenceStore(context);
  }

  add(positive: SideState, negative: SideState): void {
    this.#store.add(positive, negative);
  }

  result(): Parts {
    const { pairs } = this.#store;
    return {
      keys: medians(pairs.map(({ keys }) => keys)),
      values: medians(pairs.map(({ values }) => values)),
    };
  }
}

/** Of each component; with an even number of rows the mean of the two in the middle. */
function medians(rows: readonly Float32Array[]): Float32Array {
  const column = new Float32Array(rows.length);
  const middle = (rows.length - 1) / 2;
  return Float32Array.from({ length: rows[0]!.length }, (_, i) => {
    for (let row = 0; row < rows.length; row++) column[row] = rows[row]![i]!;
    column.sort();
    return (column[Math.floor(middle)]! + column[Math.ceil(middle)]!) / 2;
  });
}
