/** The vectors of a sweep over how vectors are made. */
import type { Engine } from '../engine/engine.ts';
import { InvalidArgumentError } from '../errors.ts';
import { type BuildPairsOptions, buildPairs } from '../pairs/build-pairs.ts';
import type { PairItem, StyledItem } from '../pairs/item.ts';
import type { ContrastivePair } from '../pairs/pair.ts';
import type { PairAggregation } from '../vectors/aggregate/aggregator.ts';
import { extractVector } from '../vectors/extract-vector.ts';
import type { KeyMode, SteeringVector } from '../vectors/vector.ts';

export interface VectorGrid {
  /** Numbers of pairs: the first n of those that are built. Default: all. */
  readonly pairs?: readonly number[];
  /** Example turns a prompt. Default: 2. */
  readonly turns?: readonly number[];
  /** Default: `mean`. */
  readonly aggregations?: readonly PairAggregation[];
  /** Default: `unrotated`. */
  readonly keyModes?: readonly KeyMode[];
}

export interface SweepVectorsOptions extends Omit<BuildPairsOptions, 'tokenizer' | 'turns' | 'count'> {
  readonly signal?: AbortSignal;
  /** Vectors made and wanted. */
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
}

/**
 * A vector for each combination, named by what differs between them: `16 pairs, 2 turns, median`; `vector` where nothing does.
 *
 * @throws InvalidArgumentError for more pairs than the items give; what `buildPairs` and `extractVector` throw.
 */
export async function sweepVectors(
  engine: Engine,
  items: readonly (PairItem | StyledItem)[],
  { pairs = [], turns = [], aggregations = ['mean'], keyModes = ['unrotated'] }: VectorGrid,
  { signal, onProgress, ...options }: SweepVectorsOptions = {},
): Promise<Record<string, SteeringVector>> {
  const counts = pairs.length === 0 ? [items.length] : pairs;
  const most = Math.max(...counts);
  if (most > items.length) {
    throw new InvalidArgumentError(
      'pairs',
      `There are ${items.length} items, and each gives one pair: ${most} pairs cannot be made of them.`,
    );
  }
  const sets = turns.length === 0 ? [undefined] : turns;
  const vectors: Record<string, SteeringVector> = {};
  const total = sets.length * counts.length * aggregations.length * keyModes.length;
  let done = 0;
  for (const count of sets) {
    const built: readonly ContrastivePair[] = buildPairs(items, {
      ...options,
      tokenizer: engine.tokenizer,
      count: most,
      ...(count !== undefined && { turns: count }),
    });
    for (const n of counts) {
      for (const aggregation of aggregations) {
        for (const keyMode of keyModes) {
          const name = [
            counts.length > 1 ? `${n} pairs` : '',
            count !== undefined && sets.length > 1 ? `${count} turn${count === 1 ? '' : 's'}` : '',
            aggregations.length > 1 ? aggregation : '',
            keyModes.length > 1 ? keyMode : '',
          ];
          const key = name.filter((word) => word !== '').join(', ') || 'vector';
          vectors[key] = await extractVector(engine, built.slice(0, n), {
            aggregation,
            keyMode,
            recipe: `sweep: ${n} pairs, ${count ?? 2} example turns, ${aggregation}, ${keyMode} keys`,
            ...(signal && { signal }),
          });
          onProgress?.({ done: ++done, total });
        }
      }
    }
  }
  return vectors;
}
