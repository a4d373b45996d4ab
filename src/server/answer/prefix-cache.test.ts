import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Engine, KvCache } from '../../engine/engine.ts';
import { OutOfMemoryError } from '../../errors.ts';
import { loadEngine } from '../../load-engine.ts';
import { PrefixCache } from './prefix-cache.ts';

let engine: Engine;
beforeAll(async () => {
  engine = await loadEngine('tiny', { download: false });
});
afterAll(() => engine[Symbol.asyncDispose]());

const signal = new AbortController().signal;
const rows = () => (engine as unknown as { rowsInUse: number }).rowsInUse;
const system = Array.from({ length: 40 }, (_, i) => 100 + i);
const ask = (first: number, length = 20) => [...system, ...Array.from({ length }, (_, i) => first + i)];

/** The last position's keys and values of every layer, and what is generated: all that a request can notice. */
async function seen(cache: KvCache, feed = 300) {
  const states = [];
  for (let layer = 0; layer < engine.model.layers; layer++) {
    for (const kind of ['key', 'value'] as const) {
      states.push([...(await cache.read({ layer, kind, position: cache.length - 1 }))]);
    }
  }
  const events = [];
  for await (const event of engine.generate(cache, {
    feed: [feed],
    maxTokens: 6,
    logprobs: true,
    eosTokenIds: [],
  })) {
    events.push(event);
  }
  await cache[Symbol.asyncDispose]();
  return { states, events };
}

const fresh = async (tokens: readonly number[]) => seen((await engine.prefill(tokens)).cache);

describe('PrefixCache', () => {
  it('gives the same as a prefill, bit for bit, whatever it could copy', async () => {
    await using prefixes = new PrefixCache(engine, 2 ** 26);
    const get = (tokens: readonly number[]) => prefixes.prefill(tokens, { owner: 'a', signal });
    const first = await get(ask(200));
    expect(first.cachedTokens).toBe(0);
    expect(await seen(first.cache)).toEqual(await fresh(ask(200)));
    for (const [tokens, cached] of [
      [ask(200), 58], // all but the two that are always computed
      [ask(200).slice(0, -1), 57],
      [ask(400), 40],
      [ask(200, 90), 60],
      [ask(200, 30), 68],
      [ask(400, 25), 60],
      [system.slice(0, 17), 0],
      [[7, ...ask(200)], 0],
    ] as const) {
      const { cache, cachedTokens } = await get(tokens);
      expect(cachedTokens, `${tokens.length}`).toBe(cached);
      expect(await seen(cache)).toEqual(await fresh(tokens));
    }
  });

  it('keeps what is clean: an edit of what it gave changes nothing that it gives later', async () => {
    await using prefixes = new PrefixCache(engine, 2 ** 26);
    const expected = await fresh(ask(200));
    const delta = new Float32Array(engine.model.kvHeads * engine.model.headDim).fill(3);
    for (let round = 0; round < 3; round++) {
      const { cache } = await prefixes.prefill(ask(200), { owner: 'a', signal });
      for (let layer = 0; layer < engine.model.layers; layer++) {
        await cache.add({ layer, kind: 'value', position: cache.length - 1 }, delta);
        await cache.add({ layer, kind: 'key', position: 3 }, delta);
      }
      expect(await seen(cache)).not.toEqual(expected);
    }
    expect(await seen((await prefixes.prefill(ask(200), { owner: 'a', signal })).cache)).toEqual(expected);
  });

  it('serves many at once from one entry', async () => {
    await using prefixes = new PrefixCache(engine, 2 ** 26);
    await (await prefixes.prefill(ask(200), { owner: 'a', signal })).cache[Symbol.asyncDispose]();
    const firsts = [400, 410, 420, 430, 440, 450];
    const caches = await Promise.all(
      firsts.map((first) => prefixes.prefill(ask(first), { owner: 'a', signal })),
    );
    expect(caches.map(({ cachedTokens }) => cachedTokens)).toEqual(firsts.map(() => 40));
    for (const [i, { cache }] of caches.entries())
      expect(await seen(cache)).toEqual(await fresh(ask(firsts[i]!)));
  });

  it('keeps callers apart', async () => {
    await using prefixes = new PrefixCache(engine, 2 ** 26);
    const cached = async (owner: string) => {
      const { cache, cachedTokens } = await prefixes.prefill(ask(200), { owner, signal });
      await cache[Symbol.asyncDispose]();
      return cachedTokens;
    };
    expect([await cached('a'), await cached('b'), await cached('a'), await cached('b')]).toEqual([
      0, 0, 58, 58,
    ]);
  });

  it('stays within its budget, and lets the least recently used go', async () => {
    const before = rows();
    const { layers, kvHeads, headDim } = engine.model;
    const row = 2 * layers * kvHeads * headDim * 4 * 256;
    const prefixes = new PrefixCache(engine, 2 * row);
    const cached = async (first: number) => {
      const tokens = Array.from({ length: 40 }, (_, i) => first + i);
      const { cache, cachedTokens } = await prefixes.prefill(tokens, { owner: 'a', signal });
      await cache[Symbol.asyncDispose]();
      return cachedTokens;
    };
    for (const first of [100, 200, 100, 300]) await cached(first);
    expect(prefixes.statistics).toEqual({ entries: 2, bytes: 2 * row });
    // 200 went, when 300 came: 100 had been used since.
    expect([await cached(100), await cached(300), await cached(200)]).toEqual([38, 38, 0]);
    await prefixes[Symbol.asyncDispose]();
    await expect.poll(rows, { interval: 1 }).toBe(before);
    const none = new PrefixCache(engine, 0);
    await (await none.prefill(ask(200), { owner: 'a', signal })).cache[Symbol.asyncDispose]();
    expect(none.statistics.entries).toBe(0);
  });

  it('gives its memory back before a prompt fails for want of it', async () => {
    await using prefixes = new PrefixCache(engine, 2 ** 26);
    await (await prefixes.prefill(ask(200), { owner: 'a', signal })).cache[Symbol.asyncDispose]();
    const real = engine.prefill.bind(engine);
    let failures = 1;
    engine.prefill = (...args) =>
      failures-- > 0 ? Promise.reject(new OutOfMemoryError(2, 1, 'full')) : real(...args);
    try {
      const { cache, cachedTokens } = await prefixes.prefill(ask(200), { owner: 'a', signal });
      expect(cachedTokens).toBe(0);
      engine.prefill = real;
      expect(await seen(cache)).toEqual(await fresh(ask(200)));
    } finally {
      engine.prefill = real;
    }
  });

  it('lets one that gives up go at once, and loses no row', async () => {
    const prefixes = new PrefixCache(engine, 2 ** 26);
    const before = rows();
    await (await prefixes.prefill(ask(200), { owner: 'a', signal })).cache[Symbol.asyncDispose]();
    const controller = new AbortController();
    const reason = new Error('enough');
    const waiting = [400, 430, 460].map((first) =>
      prefixes.prefill(ask(first, 200), { owner: 'a', signal: controller.signal }),
    );
    controller.abort(reason);
    for (const one of waiting) await expect(one).rejects.toBe(reason);
    await prefixes[Symbol.asyncDispose]();
    await expect.poll(rows, { interval: 1 }).toBe(before);
  });
});
