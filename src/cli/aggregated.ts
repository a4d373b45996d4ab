import { join } from 'node:path';
import type { Engine } from '../engine/engine.ts';
import { InvalidArgumentError } from '../errors.ts';
import { cacheFolder } from '../models/cache-folder.ts';
import type { ExtractOptions } from '../vectors/extract-vector.ts';
import type { CachedExtraction } from '../vectors/extraction-cache.ts';
import { makeVector, type SteeringVector } from '../vectors/vector.ts';
import type { AggregationFlags, HeadRule } from './options/aggregation-options.ts';
import type { PreparedPairs } from './prepare-pairs.ts';

/** Questions that heads are tried on: each costs two forced answers a head. */
const PROBES = 8;

export interface AggregatedOptions extends Omit<ExtractOptions, 'recipe'> {
  /** Stands before the recipe. */
  readonly name?: string;
  /** Forced answers done, where heads are tried. */
  readonly onTrial: (progress: { readonly done: number; readonly total: number }) => void;
}

/** @throws InvalidArgumentError for flags that do not go together: before a model is loaded. */
export function checkAggregation({ aggregate, clusters }: AggregationFlags): void {
  if (clusters === undefined || aggregate === 'kmeans') return;
  throw new InvalidArgumentError('clusters', '--clusters needs --aggregate kmeans.');
}

/** @throws InvalidArgumentError where heads are to be tried, and there is no question to try them on. */
export function checkProbes({ heads }: AggregationFlags, { most, turns }: PreparedPairs): void {
  if (heads?.by !== 'ablation' || (most !== null && turns.length > most)) return;
  throw new InvalidArgumentError(
    'heads',
    most === null
      ? '--heads ablation tries the vector on questions: it goes with --data, not with --pairs.'
      : `--heads ablation tries the vector on questions that no pair asks, and all ${turns.length} are asked. Ask fewer: --pairs-count.`,
  );
}

/**
 * The vector of the pairs by the aggregation flags, out of the cache where it was made before. What the flags add to the
 * recipe is added here. Pairs are made as they are read, and never all in memory.
 */
export async function extractAggregated(
  engine: Engine,
  prepared: PreparedPairs,
  { aggregate, clusters, heads, cache }: AggregationFlags,
  { name, onTrial, ...options }: AggregatedOptions,
): Promise<CachedExtraction> {
  const pairs = () => prepared.pairs(engine.tokenizer);
  const recipe = () =>
    [
      `${name === undefined ? '' : `${name}: `}${prepared.recipe()}`,
      ...(heads === undefined ? [] : [`heads by ${heads.text}`]),
    ].join(', ');
  const all: ExtractOptions = {
    ...options,
    recipe: recipe(),
    aggregation: aggregate,
    ...(clusters !== undefined && { clusters }),
  };
  const [{ extractVector }, { extractCached }] = await Promise.all([
    import('../vectors/extract-vector.ts'),
    import('../vectors/extraction-cache.ts'),
  ]);
  const found: CachedExtraction = cache
    ? await extractCached(engine, pairs, { ...all, cacheFolder: join(cacheFolder(), 'vectors') })
    : { vector: await extractVector(engine, pairs(), all), pairsFromCache: 0 };
  const vector =
    heads === undefined
      ? found.vector
      : await pruned(engine, found.vector, heads, prepared, { ...all, onTrial });
  // How many pairs were left out is known when all have been made.
  return { ...found, vector: makeVector({ ...vector, recipe: recipe() }) };
}

async function pruned(
  engine: Engine,
  vector: SteeringVector,
  { by, choice }: HeadRule,
  { heldOut }: PreparedPairs,
  { signal, onTrial }: Pick<AggregatedOptions, 'signal' | 'onTrial'>,
): Promise<SteeringVector> {
  const { chooseHeads, keepHeads, pruneByNorm, pruneByReliability } = await import('../vectors/prune.ts');
  if (by !== 'ablation') return (by === 'norm' ? pruneByNorm : pruneByReliability)(vector, choice);
  const { ablateHeads } = await import('../study/ablate-heads.ts');
  const probes = heldOut()
    .slice(0, PROBES)
    .map(({ question, positive, negative }) => ({ question, trace: positive, short: negative }));
  const scores = await ablateHeads(engine, vector, probes, {
    ...(signal && { signal }),
    onProgress: onTrial,
  });
  return keepHeads(vector, chooseHeads(scores, choice, vector.model.layers));
}
