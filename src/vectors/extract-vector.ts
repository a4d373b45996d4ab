import type { Engine } from '../engine/engine.ts';
import { ContextOverflowError, InvalidArgumentError, RuntimeFailureError } from '../errors.ts';
import type { ContrastivePair, PairSide } from '../pairs/pair.ts';
import { hashDigests, pairDigest } from '../pairs/pair-hash.ts';
import { PairAccumulator, type PairAccumulatorState, type SideState } from './accumulator.ts';
import { type AggregationOptions, createAggregator } from './aggregate/aggregator.ts';
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
  extends AggregationOptions,
    Partial<Pick<VectorFields, 'recommended' | 'recipe' | 'licence' | 'creator' | 'created'>> {
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

/** What a run has so far, to store and go on from; for the aggregation `mean` only. */
export interface ExtractionState {
  readonly accumulator: PairAccumulatorState;
  /** Of each pair done, 32 bytes. */
  readonly digests: readonly Uint8Array[];
  readonly tokens: number;
}

/** A list or a stream. */
export type Pairs = Iterable<ContrastivePair> | AsyncIterable<ContrastivePair>;

export interface Checkpoints {
  /** What was saved of the same pairs, options and model. */
  readonly saved: ExtractionState | null;
  /** Now and then, and when the run fails or is stopped. */
  readonly save: (state: ExtractionState) => Promise<void>;
  /** Milliseconds between. */
  readonly every: number;
}

/**
 * A steering vector (arXiv 2507.08799, section 3): one forward pass over each prompt, up to and including its
 * extraction position; the key and value there, of every layer and KV head; positive minus negative; over the pairs
 * their mean, or what `options.aggregation` says. The mean is accumulated in float64 and pair by pair, so pairs may
 * stream: beside 32 bytes a pair, memory does not grow. `created` defaults to now.
 *
 * Where the engine batches, prompts that begin alike wait for it together, so that it reads their beginning once.
 *
 * @throws InvalidArgumentError for no pairs, pairs with different positions or offset tokens, or options out of
 * range; ContextOverflowError naming the pair; RuntimeFailureError if the model gives numbers that are not finite;
 * the signal's reason.
 */
export function extractVector(
  engine: Engine,
  pairs: Pairs,
  options: ExtractOptions = {},
): Promise<SteeringVector> {
  return extractFrom(engine, pairs, options, Array.isArray(pairs) ? pairs.length : null, null);
}

/**
 * {@link extractVector}, with checkpoints or without; pairs that are done already are passed over.
 *
 * @param total pairs in all, for the progress; null where that is not known.
 */
export async function extractFrom(
  engine: Engine,
  pairs: Pairs,
  options: ExtractOptions,
  total: number | null,
  checkpoints: Checkpoints | null,
): Promise<SteeringVector> {
  const { keyMode = 'unrotated', concurrency = engine.capabilities.batching ? 4 : 1, signal } = options;
  if (keyMode !== 'unrotated' && keyMode !== 'post-rope') {
    throw new InvalidArgumentError(
      'keyMode',
      `Expected 'unrotated' or 'post-rope', not ${JSON.stringify(keyMode)}.`,
    );
  }
  const { model } = engine;
  const aggregator = createAggregator(options, model, keyMode);
  const { recommended, recipe = null, licence = null, creator = null } = options;
  const described = {
    keyMode,
    model: modelIdentity(engine),
    aggregation: options.aggregation ?? 'mean',
    ...(recommended && { recommended }),
    recipe,
    licence,
    creator,
    created: options.created ?? new Date().toISOString(),
  } as const;
  // What could not be recorded is refused before the prompts are paid for.
  const blank = new Float32Array(model.layers * model.kvHeads * model.headDim);
  toMetadata(makeVector({ ...described, keys: blank, values: blank }));

  const saved = checkpoints?.saved ?? null;
  const accumulator = new PairAccumulator(model, saved?.accumulator);
  const digests: Uint8Array[] = [...(saved?.digests ?? [])];
  const before = accumulator.count;
  let first: ContrastivePair | undefined;
  let tokens = saved?.tokens ?? 0;
  let savedCount = before;
  let savedAt = performance.now();
  const save = async () => {
    if (checkpoints === null || accumulator.count === savedCount) return;
    await checkpoints.save({ accumulator: accumulator.state(), digests, tokens });
    [savedCount, savedAt] = [accumulator.count, performance.now()];
  };

  const extract = async (pair: ContrastivePair, place: number, stop: AbortSignal) => {
    const index = before + place;
    requireAlike(pair, first!, index);
    const read = (side: PairSide, name: string) =>
      readSide(engine, side, `pair ${index}, ${name} side`, stop);
    const [positive, negative] = engine.capabilities.batching
      ? await both(read(pair.positive, 'positive'), read(pair.negative, 'negative'))
      : [await read(pair.positive, 'positive'), await read(pair.negative, 'negative')];
    return { pair, positive, negative, digest: await pairDigest(pair) };
  };
  async function* left() {
    let place = 0;
    for await (const pair of pairs) {
      first ??= pair;
      if (place++ >= before) yield pair;
    }
  }
  try {
    for await (const { pair, positive, negative, digest } of inOrder(left(), extract, concurrency, signal)) {
      accumulator.add(positive, negative);
      aggregator?.add(positive, negative);
      digests.push(digest);
      tokens += pair.positive.position + pair.negative.position + 2;
      options.onProgress?.({ done: accumulator.count, total, tokens });
      if (checkpoints !== null && performance.now() - savedAt > checkpoints.every) await save();
    }
  } catch (error) {
    // What stopped the run is what is told, not that its state could not be kept.
    await save().catch(() => {});
    throw error;
  }

  const { statistics, ...mean } = accumulator.result(keyMode);
  return makeVector({
    ...described,
    ...(aggregator?.result(mean) ?? mean),
    statistics,
    extraction: { position: first!.positionFromEnd, offsetToken: first!.offsetToken },
    pairs: { count: digests.length, hash: await hashDigests(digests) },
  });
}

/** Both, or the first failure once neither runs any more. */
async function both<T>(one: Promise<T>, other: Promise<T>): Promise<[T, T]> {
  await Promise.allSettled([one, other]);
  return [await one, await other];
}

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
