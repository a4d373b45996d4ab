/**
 * The behaviour that every engine owes, as one vitest suite: call it from an engine's test with a way to open it.
 * Exact means equal logits, bit for bit; close means within `tolerance` where another batch shape may round otherwise.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ContextOverflowError, DisposedError, InvalidArgumentError } from '../errors.ts';
import { rotateHeads } from '../tensor/rope.ts';
import type { Engine, GenerateEvent, GenerateOptions, KvCache } from './engine.ts';

export interface ConformanceOptions {
  /** A new engine each time. */
  readonly open: () => Promise<Engine>;
  /** Prompts of different lengths, the first at least 12 tokens. */
  readonly prompts: readonly string[];
  /** Largest difference of logits between a batched and a solo run. */
  readonly tolerance: number;
  /** Relative rounding of a key or value that is kept, e.g. 2^-11 in float16. Default 0. */
  readonly rounding?: number;
}

/** Positions that a test may fill. */
const longestPrefill = 2048;

export function describeEngine(
  name: string,
  { open, prompts, tolerance, rounding = 0 }: ConformanceOptions,
): void {
  describe(`${name} keeps the engine contract`, () => {
    let engine: Engine;
    let encoded: number[][];
    beforeAll(async () => {
      engine = await open();
      encoded = prompts.map((prompt) => engine.tokenizer.encode(prompt));
    });
    afterAll(async () => {
      await engine[Symbol.asyncDispose]();
    });

    const delta = (seed: number) =>
      Float32Array.from(
        { length: engine.model.kvHeads * engine.model.headDim },
        (_, i) => Math.sin(i * 1.7 + seed) * 0.5,
      );
    const positions = (tokens: readonly number[]) => tokens.map((_, i) => i);

    it('gives the logits of the last position by default, and of those asked for', async () => {
      const tokens = encoded[0]!;
      const last = await engine.prefill(tokens);
      const all = await engine.prefill(tokens, { at: positions(tokens) });
      await using _a = last.cache;
      await using _b = all.cache;
      const { vocabSize } = engine.model;
      expect(last.logits.length).toBe(vocabSize);
      expect(all.logits.length).toBe(tokens.length * vocabSize);
      expect(largestDifference(last.logits, all.logits.slice(-vocabSize))).toBeLessThanOrEqual(tolerance);
      expect(last.cache.length).toBe(tokens.length);
    });

    it('a zero edit changes nothing', async () => {
      const plain = await nextLogits(engine, encoded[0]!);
      const edited = await nextLogits(engine, encoded[0]!, async (cache) => {
        const zero = new Float32Array(engine.model.kvHeads * engine.model.headDim);
        for (let layer = 0; layer < engine.model.layers; layer++) {
          for (const kind of ['key', 'value'] as const) {
            await cache.add({ layer, kind, position: cache.length - 1 }, zero);
          }
        }
      });
      expect(edited).toEqual(plain);
    });

    it('an edit of a value changes what comes next, and so does an edit of a key', async () => {
      const plain = await nextLogits(engine, encoded[0]!);
      for (const kind of ['value', 'key'] as const) {
        const edited = await nextLogits(engine, encoded[0]!, (cache) =>
          cache.add({ layer: 1, kind, position: 3 }, delta(1)),
        );
        expect(largestDifference(edited, plain)).toBeGreaterThan(1e-4);
      }
    });

    it('reads return what was added', async () => {
      const { cache } = await engine.prefill(encoded[0]!);
      await using _ = cache;
      for (const kind of ['key', 'value'] as const) {
        const slot = { layer: engine.model.layers - 1, kind, position: 5 };
        const before = await cache.read(slot);
        await cache.add(slot, delta(2));
        const after = await cache.read(slot);
        const expected = before.map((x, i) => x + delta(2)[i]!);
        // a rotated key is rounded in both of its two numbers
        const size = Math.max(...expected.map(Math.abs));
        expect(largestDifference(after, expected)).toBeLessThan(1e-4 + 2 * rounding * size);
        const neighbour = await cache.read({ ...slot, position: 4 });
        expect(largestDifference(neighbour, before)).toBeGreaterThan(1e-3);
      }
    });

    it('keys cross the border un-rotated', async () => {
      // the first layer's key depends on the token and on nothing else, so the same token has one un-rotated key
      const token = encoded[0]![0]!;
      const { cache } = await engine.prefill([token, ...encoded[0]!.slice(1, 8), token]);
      await using _ = cache;
      const first = await cache.read({ layer: 0, kind: 'key', position: 0 });
      const last = await cache.read({ layer: 0, kind: 'key', position: 8 });
      const size = Math.hypot(...first);
      expect(largestDifference(first, last)).toBeLessThan(1e-3 * size);
      rotateHeads(last, engine.model.headDim, 8, engine.model.rope);
      expect(largestDifference(first, last)).toBeGreaterThan(1e-2 * size);
    });

    it('fork isolates', async () => {
      const { cache } = await engine.prefill(encoded[0]!.slice(0, -1));
      await using original = cache;
      await using fork = await original.fork();
      const slot = { layer: 1, kind: 'value', position: 2 } as const;
      const before = await original.read(slot);
      await fork.add(slot, delta(3));
      expect(await original.read(slot)).toEqual(before);
      const feed = [encoded[0]!.at(-1)!];
      const fresh = await collect(engine, encoded[0]!, { feed: [], maxTokens: 6 });
      await collectFrom(engine, fork, { feed, maxTokens: 6 });
      expect(await collectFrom(engine, original, { feed, maxTokens: 6 })).toEqual(fresh);
    });

    it('a prefix is continued and left as it was', async () => {
      const tokens = encoded[0]!;
      const whole = await engine.prefill(tokens);
      const prefix = await engine.prefill(tokens.slice(0, 7));
      const rest = await engine.prefill(tokens.slice(7), { prefix: prefix.cache });
      await using _w = whole.cache;
      await using _p = prefix.cache;
      await using _r = rest.cache;
      expect(prefix.cache.length).toBe(7);
      expect(rest.cache.length).toBe(tokens.length);
      expect(largestDifference(rest.logits, whole.logits)).toBeLessThanOrEqual(tolerance);
    });

    it('a prefix is continued from any of its positions', async () => {
      const tokens = encoded[0]!;
      const other = await engine.prefill(tokens.map((token, i) => (i < 8 ? token : encoded[1]![0]!)));
      await using held = other.cache;
      const whole = await engine.prefill(tokens);
      await using _w = whole.cache;
      const rest = await engine.prefill(tokens.slice(8), { prefix: held, prefixLength: 8 });
      await using _r = rest.cache;
      expect(rest.cache.length).toBe(tokens.length);
      expect(held.length).toBe(tokens.length);
      expect(largestDifference(rest.logits, whole.logits)).toBeLessThanOrEqual(tolerance);
      const slot = { layer: engine.model.layers - 1, kind: 'key', position: 7 } as const;
      expect(await rest.cache.read(slot)).toEqual(await held.read(slot));
      const refuse = (options: object) =>
        expect(engine.prefill([tokens[0]!], options)).rejects.toBeInstanceOf(InvalidArgumentError);
      for (const prefixLength of [0, 1.5, tokens.length + 1]) await refuse({ prefix: held, prefixLength });
      await refuse({ prefixLength: 1 });
    });

    it('ragged prompts run together as they run alone', async () => {
      const options = { maxTokens: 12 };
      const alone: number[][] = [];
      for (const tokens of encoded)
        alone.push(tokensOf(await collect(engine, tokens, { feed: [], ...options })));
      const together = await Promise.all(
        encoded.map((tokens) => collect(engine, tokens, { feed: [], ...options })),
      );
      expect(together.map(tokensOf)).toEqual(alone);
    });

    it('the same seed gives the same tokens, whatever runs beside it', async () => {
      const options = { feed: [], maxTokens: 10, temperature: 1.2, topK: 50, seed: 7 };
      const alone = tokensOf(await collect(engine, encoded[0]!, options));
      const [again] = await Promise.all([
        collect(engine, encoded[0]!, options),
        collect(engine, encoded[1]!, { ...options, seed: 8 }),
      ]);
      expect(tokensOf(again!)).toEqual(alone);
    });

    it('streams text that adds up to the decoded tokens', async () => {
      const events = await collect(engine, encoded[0]!, { feed: [], maxTokens: 20, eosTokenIds: [] });
      expect(textOf(events)).toBe(engine.tokenizer.decode(tokensOf(events)));
      expect(events.at(-1)!.type).toBe('finish');
    });

    it('stops before a stop text', async () => {
      const options = { feed: [], maxTokens: 20, eosTokenIds: [] };
      const text = textOf(await collect(engine, encoded[0]!, options));
      const stop = text.slice(text.length >> 1, (text.length >> 1) + 3);
      expect(stop.length).toBe(3);
      const stopped = await collect(engine, encoded[0]!, { ...options, stop: [stop] });
      expect(textOf(stopped)).toBe(text.slice(0, text.indexOf(stop)));
      expect(stopped.at(-1)).toMatchObject({ type: 'finish', reason: 'stop' });
    });

    it('leaving early keeps the cache as far as it was consumed', async () => {
      const { cache } = await engine.prefill(encoded[0]!.slice(0, -1));
      await using _ = cache;
      const start = cache.length;
      let seen = 0;
      for await (const _event of engine.generate(cache, {
        feed: [encoded[0]!.at(-1)!],
        maxTokens: 50,
        eosTokenIds: [],
      })) {
        if (++seen === 3) break;
      }
      expect(cache.length).toBe(start + 3);
    });

    it('aborts a prefill and a generation with the reason of the signal', async () => {
      const reason = new Error('enough');
      await expect(engine.prefill(encoded[0]!, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
      const controller = new AbortController();
      const { cache } = await engine.prefill(encoded[0]!.slice(0, -1));
      await using _ = cache;
      const run = async () => {
        const options = {
          feed: [encoded[0]!.at(-1)!],
          maxTokens: 500,
          eosTokenIds: [],
          signal: controller.signal,
        };
        for await (const _event of engine.generate(cache, options)) controller.abort(reason);
      };
      await expect(run()).rejects.toBe(reason);
      // the cache is free again
      expect(
        (await collectFrom(engine, cache, { feed: [encoded[0]![0]!], maxTokens: 2, eosTokenIds: [] })).length,
      ).toBe(3);
    });

    it('refuses a cache that is disposed, in use, or of another engine', async () => {
      const { cache } = await engine.prefill(encoded[0]!);
      const running = engine.generate(cache, { feed: [encoded[0]![0]!], maxTokens: 5, eosTokenIds: [] });
      const iterator = running[Symbol.asyncIterator]();
      await iterator.next();
      await expect(cache.read({ layer: 0, kind: 'value', position: 0 })).rejects.toBeInstanceOf(
        InvalidArgumentError,
      );
      await iterator.return?.();
      await cache[Symbol.asyncDispose]();
      await cache[Symbol.asyncDispose]();
      await expect(cache.read({ layer: 0, kind: 'value', position: 0 })).rejects.toBeInstanceOf(
        DisposedError,
      );
      await expect(cache.fork()).rejects.toBeInstanceOf(DisposedError);
      await expect(collectFrom(engine, cache, { feed: [1] })).rejects.toBeInstanceOf(DisposedError);
    });

    it('refuses slots, deltas and tokens out of range', async () => {
      const { cache } = await engine.prefill(encoded[0]!);
      await using _ = cache;
      const { layers, vocabSize } = engine.model;
      const at = (layer: number, position: number) => cache.read({ layer, kind: 'key', position });
      await expect(at(layers, 0)).rejects.toBeInstanceOf(InvalidArgumentError);
      await expect(at(0, cache.length)).rejects.toBeInstanceOf(InvalidArgumentError);
      await expect(at(0, -1)).rejects.toBeInstanceOf(InvalidArgumentError);
      const slot = { layer: 0, kind: 'key', position: 0 } as const;
      await expect(cache.add(slot, new Float32Array(3))).rejects.toBeInstanceOf(InvalidArgumentError);
      await expect(engine.prefill([])).rejects.toBeInstanceOf(InvalidArgumentError);
      await expect(engine.prefill([vocabSize])).rejects.toBeInstanceOf(InvalidArgumentError);
      await expect(engine.prefill([-1])).rejects.toBeInstanceOf(InvalidArgumentError);
    });

    it('refuses a prompt past the context', async () => {
      const { contextLength } = engine.model;
      const filled = new Array<number>(contextLength + 1).fill(encoded[0]![0]!);
      await expect(engine.prefill(filled)).rejects.toBeInstanceOf(ContextOverflowError);
    });

    it('ends an answer at the end of the context', async ({ skip }) => {
      const { contextLength } = engine.model;
      skip(contextLength > longestPrefill, `its context of ${contextLength} takes too long to fill`);
      const filled = Array.from(
        { length: contextLength - 3 },
        (_, i) => encoded[0]![i % encoded[0]!.length]!,
      );
      const { cache } = await engine.prefill(filled);
      await using _ = cache;
      const events = await collectFrom(engine, cache, { feed: [filled[0]!], maxTokens: 50, eosTokenIds: [] });
      expect(events.at(-1)).toMatchObject({ type: 'finish', reason: 'length' });
      expect(cache.length).toBeLessThanOrEqual(contextLength);
      const over = collectFrom(engine, cache, { feed: [1, 1, 1] });
      await expect(over).rejects.toBeInstanceOf(ContextOverflowError);
    });

    it('after disposal everything is refused, and work in flight ends', async () => {
      const other = await open();
      const { cache } = await other.prefill(encoded[0]!.slice(0, -1));
      const run = collectFrom(other, cache, {
        feed: [encoded[0]!.at(-1)!],
        maxTokens: 5_000,
        eosTokenIds: [],
      });
      const ended = expect(run).rejects.toBeInstanceOf(DisposedError);
      await new Promise((resolve) => setTimeout(resolve, 30));
      await other[Symbol.asyncDispose]();
      await ended;
      await other[Symbol.asyncDispose]();
      await expect(other.prefill(encoded[0]!)).rejects.toBeInstanceOf(DisposedError);
      await expect(collectFrom(other, cache, { feed: [1] })).rejects.toBeInstanceOf(DisposedError);
    });
  });
}

/** The logits after `tokens`, with `edit` made to the cache before the last of them is fed. */
async function nextLogits(engine: Engine, tokens: number[], edit?: (cache: KvCache) => Promise<void>) {
  const { cache } = await engine.prefill(tokens.slice(0, -1));
  await using _ = cache;
  await edit?.(cache);
  const { cache: next, logits } = await engine.prefill(tokens.slice(-1), { prefix: cache });
  await next[Symbol.asyncDispose]();
  return logits;
}

/** Prefills all but the last token and generates from there. */
async function collect(engine: Engine, tokens: number[], options: GenerateOptions): Promise<GenerateEvent[]> {
  const { cache } = await engine.prefill(tokens.slice(0, -1));
  await using _ = cache;
  return await collectFrom(engine, cache, { ...options, feed: [tokens.at(-1)!] });
}

async function collectFrom(
  engine: Engine,
  cache: KvCache,
  options: GenerateOptions,
): Promise<GenerateEvent[]> {
  const events: GenerateEvent[] = [];
  for await (const event of engine.generate(cache, options)) events.push(event);
  return events;
}

const textOf = (events: GenerateEvent[]) => events.map((event) => event.text).join('');

const tokensOf = (events: GenerateEvent[]) =>
  events.flatMap((event) => (event.type === 'token' ? [event.token] : []));

function largestDifference(a: Float32Array, b: Float32Array): number {
  expect(a.length).toBe(b.length);
  return a.reduce((most, x, i) => Math.max(most, Math.abs(x - b[i]!)), 0);
}
