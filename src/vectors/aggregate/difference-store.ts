import { InvalidArgumentError } from '../../errors.ts';
import { type Parts, pairDifference, type SideState } from '../accumulator.ts';
import type { AggregatorContext } from './aggregator.ts';

/** The differences of single pairs, for aggregations that need them all; bounded. */
export class DifferenceStore {
  readonly pairs: Parts[] = [];
  readonly #context: AggregatorContext;
  #bytes = 0;

  constructor(context: AggregatorContext) {
    this.#context = context;
  }

  /** @throws InvalidArgumentError when the bound is reached. */
  add(positive: SideState, negative: SideState): void {
    const { shape, keyMode, maxBytes } = this.#context;
    const difference = pairDifference(positive, negative, keyMode, shape);
    this.#bytes += difference.keys.byteLength + difference.values.byteLength;
    if (this.#bytes > maxBytes) {
      throw new InvalidArgumentError(
        'maxDifferenceBytes',
        `This aggregation holds the difference of every pair, at most ${maxBytes} bytes, which ${this.pairs.length} pairs of this model fill. ` +
          'Use fewer pairs, raise maxDifferenceBytes, or aggregate by mean or whitened, which hold none.',
      );
    }
    this.pairs.push(difference);
  }
}
