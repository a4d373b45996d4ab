/** What to add where. L layers, H KV heads. */
import type { ModelInfo } from '../engine/engine.ts';
import { InvalidArgumentError } from '../errors.ts';
import type { SteeringVector } from '../vectors/vector.ts';

/** A list of layers, or a range with both ends included (`to` defaults to the last layer). */
export type LayerSelection = readonly number[] | { readonly from: number; readonly to?: number };

/** One edit of the cache: K += keys * S^k and V += values * S^v at one position, in some layers and heads. */
export interface SteeringPlan {
  readonly vector: SteeringVector;
  /**
   * c_v, any finite number; negative steers away. Published settings: 1 to 10. Default: the vector's recommendation,
   * else 1.
   */
  readonly values?: number;
  /** c_k. Default: the vector's recommendation, else 0: values do the work (published settings: 0 to 0.4). */
  readonly keys?: number;
  /** Default: the vector's recommendation, else from 1 on (layer 0 is left alone, as published). */
  readonly layers?: LayerSelection;
  /** KV heads, 0 to H-1; default all. */
  readonly heads?: readonly number[];
  /**
   * From the end of the cache; 1 is the last cached position. Default: where the vector was extracted, or 1 where
   * that was counted with an offset token.
   */
  readonly position?: number;
  /**
   * For a vector with centroids, which of them is added: the one nearest to the prompt (default), all of them `mix`ed by
   * the inverse of their squared distances, the `mean` of all pairs, or one by its index. See `choose-centroid.ts`.
   */
  readonly centroids?: CentroidChoice;
}

export type CentroidChoice = 'nearest' | 'mix' | 'mean' | number;

/** A plan with everything said, for one cache. */
export interface ResolvedPlan {
  readonly vector: SteeringVector;
  readonly values: number;
  readonly keys: number;
  /** Ascending, without repetition. */
  readonly layers: readonly number[];
  /** Ascending, without repetition. */
  readonly heads: readonly number[];
  /** Index into the cache. */
  readonly position: number;
  /** Only for a vector with centroids. */
  readonly centroids?: CentroidChoice;
  /** [K], summing to 1: how much of each centroid was added. Only for a vector with centroids, once it is applied. */
  readonly weights?: readonly number[];
}

/**
 * Fills in a plan's defaults and checks every range.
 *
 * @param cacheLength positions in the cache.
 * @throws InvalidArgumentError with the range for a coefficient, layer, head, position or centroid out of it.
 */
export function resolvePlan(plan: SteeringPlan, model: ModelInfo, cacheLength: number): ResolvedPlan {
  const { vector } = plan;
  const { recommended, extraction } = vector;
  const fromEnd = plan.position ?? (extraction.offsetToken === null ? extraction.position : 1);
  if (!Number.isSafeInteger(fromEnd) || fromEnd < 1 || fromEnd > cacheLength) {
    throw new InvalidArgumentError(
      'position',
      `The edited position is counted from the end of the cache: an integer from 1 to ${cacheLength}, not ${fromEnd}.`,
    );
  }
  const everyHead = Array.from({ length: model.kvHeads }, (_, head) => head);
  return {
    vector,
    values: requireFinite('values', plan.values ?? recommended.values ?? 1),
    keys: requireFinite('keys', plan.keys ?? recommended.keys ?? 0),
    layers: indices('layers', listed(plan.layers ?? recommended.layers ?? { from: 1 }, model), model.layers),
    heads: indices('heads', plan.heads ?? everyHead, model.kvHeads),
    position: cacheLength - fromEnd,
    ...centroidChoice(plan),
  };
}

function centroidChoice({ vector, centroids }: SteeringPlan): { readonly centroids?: CentroidChoice } {
  const count = vector.centroids?.length ?? 0;
  if (centroids === undefined) return count === 0 ? {} : { centroids: 'nearest' };
  const named = centroids === 'nearest' || centroids === 'mix' || centroids === 'mean';
  if (count > 0 && (named || (Number.isSafeInteger(centroids) && centroids >= 0 && centroids < count))) {
    return { centroids };
  }
  throw new InvalidArgumentError(
    'centroids',
    count === 0
      ? 'The vector has no centroids to choose from: it is not of the aggregation kmeans.'
      : `Expected nearest, mix, mean or a centroid from 0 to ${count - 1}, not ${centroids}.`,
  );
}

function requireFinite(argument: string, coefficient: number): number {
  if (Number.isFinite(coefficient)) return coefficient;
  throw new InvalidArgumentError(
    argument,
    `The coefficient for ${argument} must be a finite number, not ${coefficient}.`,
  );
}

function listed(selection: LayerSelection, { layers }: ModelInfo): readonly number[] {
  if (!('from' in selection)) return selection;
  const { from, to = layers - 1 } = selection;
  const inRange = (layer: number) => Number.isSafeInteger(layer) && layer >= 0 && layer < layers;
  if (!inRange(from) || !inRange(to) || from > to) {
    throw new InvalidArgumentError(
      'layers',
      `A range of layers must lie within 0 to ${layers - 1} and not be empty, found ${from} to ${to}.`,
    );
  }
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}

function indices(argument: string, list: readonly number[], count: number): readonly number[] {
  const outside = list.find((index) => !Number.isSafeInteger(index) || index < 0 || index >= count);
  if (outside !== undefined || list.length === 0) {
    throw new InvalidArgumentError(
      argument,
      `${argument} must be one or more integers from 0 to ${count - 1}, found ${outside ?? 'none'}.`,
    );
  }
  return [...new Set(list)].sort((a, b) => a - b);
}
