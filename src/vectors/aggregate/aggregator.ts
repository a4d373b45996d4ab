/** What turns the pairs into something else than their mean. */
import { InvalidArgumentError } from '../../errors.ts';
import type { AccumulatorShape, Parts, SideState } from '../accumulator.ts';
import type { Aggregation, Centroid, KeyMode } from '../vector.ts';
import { KMeansAggregator } from './kmeans.ts';
import { MedianAggregator } from './median.ts';
import { PcaAggregator } from './pca.ts';
import { WhitenedAggregator } from './whitened.ts';

export interface Aggregator {
  add(positive: SideState, negative: SideState): void;
  /** @param mean of all pairs. */
  result(mean: Parts): Parts & { readonly centroids?: readonly Centroid[] };
}

export type PairAggregation = Extract<Aggregation, 'mean' | 'median' | 'pca' | 'kmeans' | 'whitened'>;

export interface AggregationOptions {
  /**
   * Default `mean`.
   * - `median`: of each component.
   * - `pca`: each layer's principal direction, with the sign and the length of the mean's projection on it.
   * - `kmeans`: `clusters` vectors, of which the nearest is used for a prompt.
   * - `whitened`: the mean, each component divided by its variance within a side (LDA), as long as it was.
   */
  readonly aggregation?: PairAggregation;
  /** With `kmeans`: 1 to 64, default 4. */
  readonly clusters?: number;
  /** With `kmeans`: of its first guesses, an integer >= 0; default 0. */
  readonly seed?: number;
  /**
   * Most bytes of single pairs' differences that `median`, `pca` and `kmeans` hold: 8 L H D a pair (46 KB for
   * SmolLM2-135M). Default 1 GiB. `mean` and `whitened` hold none.
   */
  readonly maxDifferenceBytes?: number;
}

export interface AggregatorContext {
  readonly shape: AccumulatorShape;
  readonly keyMode: KeyMode;
  readonly maxBytes: number;
}

/** @returns null for the mean. @throws InvalidArgumentError for options out of range. */
export function createAggregator(
  options: AggregationOptions,
  shape: AccumulatorShape,
  keyMode: KeyMode,
): Aggregator | null {
  const { aggregation = 'mean', clusters = 4, seed = 0, maxDifferenceBytes = 2 ** 30 } = options;
  requireInteger('clusters', clusters, 1, 64);
  requireInteger('seed', seed, 0, 2 ** 32 - 1);
  requireInteger('maxDifferenceBytes', maxDifferenceBytes, 0, Number.MAX_SAFE_INTEGER);
  if (options.clusters !== undefined && aggregation !== 'kmeans') {
    throw new InvalidArgumentError(
      'clusters',
      `\`clusters\` is for the aggregation kmeans, not ${aggregation}.`,
    );
  }
  const context = { shape, keyMode, maxBytes: maxDifferenceBytes };
  switch (aggregation) {
    case 'mean':
      return null;
    case 'median':
      return new MedianAggregator(context);
    case 'pca':
      return new PcaAggregator(context);
    case 'kmeans':
      return new KMeansAggregator(context, clusters, seed);
    case 'whitened':
      return new WhitenedAggregator(context);
    default:
      aggregation satisfies never;
      throw new InvalidArgumentError(
        'aggregation',
        `Expected mean, median, pca, kmeans or whitened, not ${JSON.stringify(aggregation)}.`,
      );
  }
}

function requireInteger(argument: string, value: number, least: number, most: number): void {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return;
  throw new InvalidArgumentError(
    argument,
    `${argument} must be an integer from ${least} to ${most}, not ${value}.`,
  );
}
