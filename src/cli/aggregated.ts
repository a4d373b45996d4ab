import { join } from 'node:path';
import type { Engine } from '../engine/engine.ts';
import { InvalidArgumentError } from '../errors.ts';
import { cacheFolder } from '../models/cache-folder.ts';
import type { ExtractOptions, Pairs } from '../vectors/extract-vector.ts';
import type { CachedExtraction } from '../vectors/extraction-cache.ts';
import { makeVector } from '../vectors/vector.ts';
import type { AggregationFlags } from './options/aggregation-options.ts';

/** @throws InvalidArgumentError for flags that do not go together: before a model is loaded. */
export function checkAggregation({ aggregate, clusters }: AggregationFlags): void {
  if (clusters === undefined || aggregate === 'kmeans') return;
  throw new InvalidArgumentError('clusters', '--clusters needs --aggregate kmeans.');
}

/**
 * The vector of the pairs by the aggregation flags, out of the cache where it was made before. What the flags add to the
 * recipe is added here.
 *
 * @param pairs makes them anew each time, so that they are never all in memory.
 * @param recipe how they were made; asked again when they have been.
 */
export async function extractAggregated(
  engine: Engine,
  pairs: () => Pairs,
  { aggregate, clusters, heads, cache }: AggregationFlags,
  recipe: () => string,
  options: Omit<ExtractOptions, 'recipe'>,
): Promise<CachedExtraction> {
  const all: ExtractOptions = {
    ...options,
    recipe: recipe(),
    aggregation: aggregate,
    ...(clusters !== undefined && { clusters }),
  };
  const [{ extractVector }, { extractCached }, { pruneByNorm, pruneByReliability }] = await Promise.all([
    import('../vectors/extract-vector.ts'),
    import('../vectors/extraction-cache.ts'),
    import('../vectors/prune.ts'),
  ]);
  const found: CachedExtraction = cache
    ? await extractCached(engine, pairs, { ...all, cacheFolder: join(cacheFolder(), 'vectors') })
    : { vector: await extractVector(engine, pairs(), all), pairsFromCache: 0 };
  if (heads === undefined) return { ...found, vector: makeVector({ ...found.vector, recipe: recipe() }) };
  const prune = heads.by === 'norm' ? pruneByNorm : pruneByReliability;
  const pruned = prune(found.vector, heads.choice);
  return { ...found, vector: makeVector({ ...pruned, recipe: `${recipe()}, heads by ${heads.text}` }) };
}
