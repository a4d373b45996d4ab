/**
 * Extractions kept by what they depend on, so that the same one is not paid for twice, and one that was stopped goes on.
 * A finished vector lies in `<key>.safetensors`, a stopped run's sums in `<key>.partial`.
 */
import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Engine } from '../engine/engine.ts';
import { InvalidFileError } from '../errors.ts';
import type { ContrastivePair } from '../pairs/pair.ts';
import { hashPairs } from '../pairs/pair-hash.ts';
import { type ExtractOptions, extractFrom } from './extract-vector.ts';
import { stateFromBytes, stateToBytes } from './extraction-state.ts';
import { makeVector, modelIdentity, type SteeringVector } from './vector.ts';
import { loadVector, readBounded, saveVector, writeBeside } from './vector-file.ts';

/** Raised when the same pairs come to give other numbers. */
const FORMAT = 1;
const CHECKPOINT_MS = 20_000;

export interface CachedExtractOptions extends ExtractOptions {
  /** Where results are kept, e.g. the folder `vectors` in kvsteer's cache folder. Made if it is not there. */
  readonly cacheFolder: string;
}

export interface CachedExtraction {
  readonly vector: SteeringVector;
  /** Pairs whose prompts were not read again: all, those of a run that was stopped, or none. */
  readonly pairsFromCache: number;
}

/**
 * {@link extractVector} by way of a cache. The key is a hash of the weights, the engine and its precision, the pairs' tokens
 * and positions, key mode and aggregation; recipe, licence, creator, date and recommendation are those of this call. A
 * mean that is stopped goes on where it was when it is asked for again; other aggregations begin anew. A damaged file
 * of the cache counts as none; one that cannot be written is passed over.
 *
 * @throws as {@link extractVector}.
 */
export async function extractCached(
  engine: Engine,
  pairs: readonly ContrastivePair[],
  { cacheFolder, ...options }: CachedExtractOptions,
): Promise<CachedExtraction> {
  const key = await keyOf(engine, pairs, options);
  const path = join(cacheFolder, `${key}.safetensors`);
  const partial = join(cacheFolder, `${key}.partial`);
  const kept = await orNull(loadVector(path));
  if (kept !== null) {
    options.signal?.throwIfAborted();
    const { recommended, recipe = null, licence = null, creator = null } = options;
    const created = options.created ?? new Date().toISOString();
    const vector = makeVector({
      ...kept,
      model: modelIdentity(engine),
      recommended: recommended ?? { values: null, keys: null, layers: null },
      ...{ recipe, licence, creator, created },
    });
    return { vector, pairsFromCache: pairs.length };
  }
  if ((options.aggregation ?? 'mean') !== 'mean') {
    const vector = await extractFrom(engine, pairs, options, null);
    await orNull(saveVector(vector, path));
    return { vector, pairsFromCache: 0 };
  }
  const { layers, kvHeads, headDim } = engine.model;
  const bytes = await orNull(readBounded(partial));
  const saved = bytes && stateFromBytes(bytes, partial, layers * kvHeads * headDim, pairs.length);
  const vector = await extractFrom(engine, pairs, options, {
    saved,
    save: (state) => writeBeside(partial, stateToBytes(state)),
    every: CHECKPOINT_MS,
  });
  await orNull(saveVector(vector, path));
  await rm(partial, { force: true }).catch(() => {});
  return { vector, pairsFromCache: saved?.accumulator.count ?? 0 };
}

async function keyOf(
  { model, capabilities, tokenizer }: Engine,
  pairs: readonly ContrastivePair[],
  { keyMode = 'unrotated', aggregation = 'mean', clusters, seed }: ExtractOptions,
): Promise<string> {
  const depends = {
    format: FORMAT,
    weights: model.fingerprint,
    engine: [capabilities.engine, capabilities.precision],
    rope: model.rope,
    template: tokenizer.chatTemplateHash,
    pairs: await hashPairs(pairs),
    read: [pairs[0]?.positionFromEnd, pairs[0]?.offsetToken],
    keyMode,
    aggregation: aggregation === 'kmeans' ? [aggregation, clusters ?? 4, seed ?? 0] : [aggregation],
  };
  return createHash('sha256').update(JSON.stringify(depends)).digest('hex');
}

async function orNull<T>(result: Promise<T>): Promise<T | null> {
  try {
    return await result;
  } catch (error) {
    if (error instanceof InvalidFileError) return null;
    throw error;
  }
}
