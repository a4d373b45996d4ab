import type { Engine } from '../engine/engine.ts';
import { ContextOverflowError, InvalidArgumentError, RuntimeFailureError } from '../errors.ts';
import type { ContrastivePair, PairSide } from '../pairs/pair.ts';
import { hashDigests, pairDigest } from '../pairs/pair-hash.ts';
import { PairAccumulator, type SideState } from './accumulator.ts';
import { inOrder } from './in-order.ts';
import { type KeyMode, makeVector, modelIdentity, type SteeringVector, type VectorFields } from './vector.ts';
import { toMetadata } from './vector-metadata.ts';

export interface ExtractProgress {
  /** Pairs done. */
  readonly done: number;
  /** Pairs in all; null where they come as a stream. */
  readonly total: number | null;
  /** Prompt tokens read so far. */
  readonly tokens: number;
}

export interface ExtractOptions
  extends Partial<Pick<VectorFields, 'recommended' | 'recipe' | 'licence' | 'creator' | 'created'>> {
  /** Default `unrotated`. */
  readonly keyMode?: KeyMode;
  /**
   * Pairs in the engine at once, 1 to 256; the result is the same whatever it is. Default 1, or 4 where the engine
   * batches: each holds the caches of its prompts.
   */
  readonly concurrency?: number;
  readonly signal?: AbortSignal;
  /** Called after each pair, in order. */
  readonly onProgress?: (progress: ExtractProgress) => void;
}

/**
 * A steering vector (arXiv 2507.08799, section 3): one forward pass over each prompt, up to and including its
 * extraction position; the key and value there, of every layer and KV head; positive minus negative; mean over the
 * pairs. Accumulated in float64 and pair by pair, so pairs may stream. `created` defaults to now.
 *
 * @throws InvalidArgumentError for no pairs, pairs with different positions or offset tokens, or options out of
 * range; ContextOverflowError naming the pair; RuntimeFailureError if the model gives numbers that are not finite;
 * the signal's reason.
 */
export async function extractVector(
  engine: Engine,
  pairs: Iterable<ContrastivePair> | AsyncIterable<ContrastivePair>,
  options: ExtractOptions = {},
): Promise<SteeringVector> {
  const { keyMode = 'unrotated', concurrency = engine.capabilities.batching ? 4 : 1, signal } = options;
  if (keyMode !== 'unrotated' && keyMode !== 'post-rope') {
    throw new InvalidArgumentError(
      'keyMode',
      `Expected 'unrotated' or 'post-rope', not ${JSON.stringify(keyMode)}.`,
    );
  }
  const { model } = engine;
  const { recommended, recipe = null, licence = null, creator = null } = options;
  const described = {
    keyMode,
    model: modelIdentity(engine),
    aggregation: 'mean',
    ...(recommended && { recommended }),
    recipe,
    licence,
    creator,
    created: options.created ?? new Date().toISOString(),
  } as const;
  // What could not be recorded is refused before the prompts are paid for.
  const blank = new Float32Array(model.layers * model.kvHeads * model.headDim);
  toMetadata(makeVector({ ...described, keys: blank, values: blank }));

  const accumulator = new PairAccumulator(model);
  const digests: Uint8Array[] = [];
  const total = Array.isArray(pairs) ? pairs.length : null;
  let first: ContrastivePair | undefined;
  let tokens = 0;

  const extract = async (pair: ContrastivePair, index: number, stop: AbortSignal) => {
    first ??= pair;
    requireAlike(pair, first, index);
    const read = (side: PairSide, name: string) =>
      readSide(engine, side, `pair ${index}, ${name} side`, stop);
    const positive = await read(pair.positive, 'positive');
    const negative = await read(pair.negative, 'negative');
    return { pair, positive, negative, digest: await pairDigest(pair) };
  };
  for await (const { pair, positive, negative, digest } of inOrder(pairs, extract, concurrency, signal)) {
    accumulator.add(positive, negative);
    digests.push(digest);
    tokens += pair.positive.position + pair.negative.position + 2;
    options.onProgress?.({ done: accumulator.count, total, tokens });
  }

  const { keys, values, statistics } = accumulator.result(keyMode);
  return makeVector({
    ...described,
    keys,
    values,
    statistics,
    extraction: { position: first!.positionFromEnd, offsetToken: first!.offsetToken },
    pairs: { count: digests.length, hash: await hashDigests(digests) },
  });
}

/**
 * One forward pass over a side's prompt, up to its extraction position, and what the cache holds there.
 *
 * @param where names the side in messages.
 * @throws ContextOverflowError, RuntimeFailureError for numbers that are not finite; the signal's reason.
 */
export async function readSide(
  engine: Engine,
  { tokens, position }: PairSide,
  where: string,
  signal: AbortSignal,
): Promise<SideState> {
  const { layers, kvHeads, headDim, contextLength } = engine.model;
  const prompt = tokens.slice(0, position + 1);
  if (prompt.length > contextLength) {
    throw new ContextOverflowError(
      prompt.length,
      contextLength,
      `${where}: ${prompt.length} tokens do not fit the model's context of ${contextLength}. ` +
        'Use fewer example turns or shorter examples.',
    );
  }
  const { cache } = await engine.prefill(prompt, { signal });
  await using _ = cache;
  const size = kvHeads * headDim;
  const keys = new Float32Array(layers * size);
  const values = new Float32Array(layers * size);
  for (let layer = 0; layer < layers; layer++) {
    keys.set(await cache.read({ layer, kind: 'key', position }), layer * size);
    values.set(await cache.read({ layer, kind: 'value', position }), layer * size);
  }
  if (!keys.every(Number.isFinite) || !values.every(Number.isFinite)) {
    throw new RuntimeFailureError(
      `${where}: expected finite keys and values at position ${position}, found NaN or infinity. ` +
        'The weights are damaged, or the precision is too low for this model.',
    );
  }
  return { keys, values, position };
}

function requireAlike(pair: ContrastivePair, first: ContrastivePair, index: number): void {
  if (pair.positionFromEnd === first.positionFromEnd && pair.offsetToken === first.offsetToken) return;
  const show = (p: ContrastivePair) =>
    `position ${p.positionFromEnd}, offset token ${p.offsetToken ?? 'none'}`;
  throw new InvalidArgumentError(
    'pairs',
    `All pairs must be read alike: pair 0 has ${show(first)}, pair ${index} has ${show(pair)}. Make them with the same options.`,
  );
}
