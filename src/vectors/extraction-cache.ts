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
import { hashDigests, pairDigest } from '../pairs/pair-hash.ts';
import { type ExtractOptions, extractFrom, type Pairs } from './extract-vector.ts';
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

/** A list, or what makes the same pairs anew each time it is called, so that all of them are never in memory. */
export type RepeatablePairs = readonly ContrastivePair[] | (() => Pairs);

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
 * The pairs are gone through twice: to hash them, and, where the cache does not have them, to extract.
 *
 * @throws as {@link extractVector}.
 */
export async function extractCached(
  engine: Engine,
  pairs: RepeatablePairs,
  { cacheFolder, ...options }: CachedExtractOptions,
): Promise<CachedExtraction> {
  const again = typeof pairs === 'function' ? pairs : () => pairs;
  const { key, count } = await keyOf(engine, again(), options);
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
    return { vector, pairsFromCache: count };
  }
  if ((options.aggregation ?? 'mean') !== 'mean') {
    const vector = await extractFrom(engine, again(), options, count, null);
    await orNull(saveVector(vector, path));
    return { vector, pairsFromCache: 0 };
  }
  const { layers, kvHeads, headDim } = engine.model;
  const bytes = await orNull(readBounded(partial));
  const saved = bytes && stateFromBytes(bytes, partial, layers * kvHeads * headDim, count);
  const vector = await extractFrom(engine, again(), options, count, {
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
  pairs: Pairs,
  { keyMode = 'unrotated', aggregation = 'mean', clusters, seed, signal }: ExtractOptions,
): Promise<{ key: string; count: number }> {
  const digests: Uint8Array[] = [];
  let first: ContrastivePair | undefined;
  for await (const pair of pairs) {
    signal?.throwIfAborted();
    first ??= pair;
    digests.push(await pairDigest(pair));
  }
  const depends = {
    format: FORMAT,
    weights: model.fingerprint,
    engine: [capabilities.engine, capabilities.precision],
    rope: model.rope,
    template: tokenizer.chatTemplateHash,
    pairs: await hashDigests(digests),
    read: [first?.positionFromEnd, first?.offsetToken],
    keyMode,
    aggregation: aggregation === 'kmeans' ? [aggregation, clusters ?? 4, seed ?? 0] : [aggregation],
  };
  const key = createHash('sha256').update(JSON.stringify(depends)).digest('hex');
  return { key, count: digests.length };
}

async function orNull<T>(result: Promise<T>): Promise<T | null> {
  try {
    return await result;
  } catch (error) {
    if (error instanceof InvalidFileError) return null;
    throw error;
  }
}
