/** What happens to rows, sessions and signals when work ends early or fails, on a made-up model. */
import { getEventListeners } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { DisposedError, OutOfMemoryError, RuntimeFailureError } from '../../errors.ts';
import type { GenerateOptions, KvCache } from '../engine.ts';
import {
  type Miniature,
  type MiniatureOptions,
  openMiniature,
  writeMiniature,
} from './native/miniature-engine.ts';
import type { OnnxEngine } from './onnx-engine.ts';
import type { Session } from './session.ts';

let folder: string;
let miniature: Miniature;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kvsteer-engine-'));
  miniature = await writeMiniature(join(folder, 'graph'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const prompt = (length: number, seed = 1) => Array.from({ length }, (_, i) => (i * 31 + seed * 17) % 320);
const open = (runtime: 'native' | 'plain', options?: MiniatureOptions) =>
  openMiniature(miniature, runtime, options);

async function collect(engine: OnnxEngine, cache: KvCache, options: Partial<GenerateOptions> = {}) {
  const tokens: number[] = [];
  for await (const event of engine.generate(cache, { feed: [7], maxTokens: 20, ...options })) {
    if (event.type === 'token') tokens.push(event.token);
  }
  return tokens;
}

describe.each(['native', 'plain'] as const)('an engine on a %s session', (runtime) => {
  let engine: OnnxEngine;
  beforeEach(async () => {
    engine = await open(runtime);
  });
  afterEach(() => engine[Symbol.asyncDispose]());

  it('gives a row back when a prompt is aborted: before, while it waits, and while it runs', async () => {
    const controller = new AbortController();
    const { signal } = controller;
    const reason = new Error('enough');
    const running = engine.prefill(prompt(1000), { signal });
    const waiting = engine.prefill(prompt(1000, 2), { signal });
    const other = engine.prefill(prompt(900, 3));
    await new Promise((resolve) => setImmediate(resolve));
    expect(engine.rowsInUse).toBe(3);
    controller.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    await expect(running).rejects.toBe(reason);
    await expect(engine.prefill(prompt(10), { signal })).rejects.toBe(reason);
    expect(engine.rowsInUse).toBe(1);
    await (await other).cache[Symbol.asyncDispose]();
    expect(engine.rowsInUse).toBe(0);
  });

  it('ends an aborted answer at once; its cache holds what was given, and others go on', async () => {
    const { cache } = await engine.prefill(prompt(40));
    const twin = await cache.fork();
    const expected = await collect(engine, await twin.fork(), { maxTokens: 300 });
    const beside = collect(engine, twin, { maxTokens: 300 });
    const controller = new AbortController();
    let given = 0;
    const answer = async () => {
      for await (const event of engine.generate(cache, {
        feed: [7],
        maxTokens: 900,
        signal: controller.signal,
      })) {
        if (event.type === 'token' && ++given === 30) controller.abort();
      }
    };
    await expect(answer()).rejects.toHaveProperty('name', 'AbortError');
    expect(given).toBeLessThan(32);
    expect(cache.length).toBe(40 + given);
    expect(await beside).toEqual(expected);
    const before = engine.rowsInUse;
    await cache[Symbol.asyncDispose]();
    expect(engine.rowsInUse).toBe(before - 1);
  });

  it('a loop that is left early stops the work, and its cache can be used again', async () => {
    const { cache } = await engine.prefill(prompt(40));
    const expected = await collect(engine, await cache.fork());
    const tokens: number[] = [];
    for await (const event of engine.generate(cache, { feed: [7], maxTokens: 900 })) {
      if (event.type === 'token') tokens.push(event.token);
      if (tokens.length === 5) break;
    }
    expect(tokens).toEqual(expected.slice(0, 5));
    expect(cache.length).toBe(45);
    expect(await collect(engine, cache, { feed: [tokens[4]!], maxTokens: 5 })).toEqual(expected.slice(5, 10));
  });

  it('a cache that is disposed while it is decoded from ends that, and touches no other row', async () => {
    const { cache } = await engine.prefill(prompt(40));
    const twin = await cache.fork();
    const expected = await collect(engine, await twin.fork(), { maxTokens: 200 });
    const answer = async () => {
      for await (const event of engine.generate(cache, { feed: [7], maxTokens: 900 })) {
        if (event.type === 'token') {
          await cache[Symbol.asyncDispose]();
          // the row is free for others now
          await engine.prefill(prompt(50, 5));
        }
      }
    };
    const beside = collect(engine, twin, { maxTokens: 200 });
    await expect(answer()).rejects.toThrow(DisposedError);
    expect(await beside).toEqual(expected);
  });

  it('a cache that is disposed while it is fed, forked or continued from waits for that', async () => {
    const make = async () => (await engine.prefill(prompt(300))).cache;
    const fed = await make();
    const feeding = collect(engine, fed, { feed: prompt(600, 2) });
    await new Promise((resolve) => setImmediate(resolve));
    await Promise.all([expect(feeding).rejects.toThrow(DisposedError), fed[Symbol.asyncDispose]()]);

    const source = await make();
    const forking = source.fork();
    const continuing = engine.prefill(prompt(10), { prefix: await make() });
    await source[Symbol.asyncDispose]();
    expect((await forking).length).toBe(300);
    expect((await continuing).cache.length).toBe(310);
  });

  it('leaves no listener on a signal that outlives the work', async () => {
    const controller = new AbortController();
    const { signal } = controller;
    for (let i = 0; i < 5; i++) {
      const { cache } = await engine.prefill(prompt(20), { signal });
      await collect(engine, cache, { signal, feed: [1, 2, 3], maxTokens: 3 });
      for await (const _ of engine.generate(cache, { signal, feed: [1] })) break;
      await cache[Symbol.asyncDispose]();
    }
    expect(getEventListeners(signal, 'abort')).toEqual([]);
    expect(engine.rowsInUse).toBe(0);
  });

  it('disposed in the middle of work: prompts and answers end with DisposedError', async () => {
    const { cache } = await engine.prefill(prompt(40));
    const answer = collect(engine, cache, { maxTokens: 900 });
    const prompts = [engine.prefill(prompt(1000)), engine.prefill(prompt(1000, 2), { hidden: true })];
    await new Promise((resolve) => setImmediate(resolve));
    const ends = Promise.all([answer, ...prompts].map((work) => expect(work).rejects.toThrow(DisposedError)));
    await Promise.all([engine[Symbol.asyncDispose](), engine[Symbol.asyncDispose]()]);
    await ends;
    await expect(engine.prefill([1])).rejects.toThrow(DisposedError);
    await expect(cache.fork()).rejects.toThrow(DisposedError);
    await cache[Symbol.asyncDispose]();
    expect(engine.rowsInUse).toBe(0);
  });

  it('a budget that is full refuses, changes nothing, and has room again after a disposal', async () => {
    await using small = await open(runtime, { kvCacheBytes: 2 * 256 * 2 * 2 * 2 * 32 * 4 });
    const first = await small.prefill(prompt(100));
    const second = await small.prefill(prompt(256));
    await expect(small.prefill([1])).rejects.toThrow(OutOfMemoryError);
    await expect(first.cache.fork()).rejects.toThrow(OutOfMemoryError);
    // an answer that grows out of the budget fails alone
    const beside = collect(small, first.cache, { maxTokens: 50 });
    await expect(collect(small, second.cache)).rejects.toThrow(OutOfMemoryError);
    expect(await beside).toHaveLength(50);
    expect(second.cache.length).toBe(256);
    await second.cache[Symbol.asyncDispose]();
    const third = await small.prefill(prompt(100));
    expect(third.logits).toEqual(first.logits);
    expect(small.rowsInUse).toBe(2);
  });
});

it('a step that fails fails its callers only, and the engine works on', async () => {
  let failures = 0;
  const failing = (session: Session): Session => ({
    runtime: session.runtime,
    maxRows: session.maxRows,
    step: (step) =>
      failures-- > 0 ? Promise.reject(new RuntimeFailureError('the machine hiccuped')) : session.step(step),
    dispose: () => session.dispose(),
  });
  await using engine = await open('native', { wrap: failing });
  const { cache } = await engine.prefill(prompt(40));
  const expected = await collect(engine, await cache.fork());
  failures = 1;
  await expect(engine.prefill(prompt(40))).rejects.toThrow('hiccuped');
  expect(engine.rowsInUse).toBe(2);
  failures = 1;
  await expect(collect(engine, cache)).rejects.toThrow('hiccuped');
  expect(cache.length).toBe(40);
  expect(await collect(engine, cache)).toEqual(expected);
});

it('a graph that does not open when it is first needed is an error, and is tried anew', async () => {
  let opened = 0;
  await using engine = await open('native', {
    wrap: (session) => {
      if (++opened !== 2) return session;
      void session.dispose();
      throw new RuntimeFailureError('no such graph');
    },
  });
  await expect(engine.prefill(prompt(10), { hidden: true })).rejects.toThrow('no such graph');
  expect((await engine.prefill(prompt(10), { hidden: true })).hidden).toBeDefined();
});

it('what the machine does not give is OutOfMemoryError, and nothing has changed', async () => {
  const { RowPool } = await import('./row-pool.ts');
  const pool = new RowPool(
    { layers: 2, kvHeads: 2, headDim: 4, contextLength: 2 ** 44 },
    Number.POSITIVE_INFINITY,
  );
  const row = pool.acquire(10);
  row.length = 10;
  pool.keys[1]!.fill(3);
  const before = { keys: pool.keys, values: pool.values, bytes: pool.bytes };
  expect(() => pool.reserve(2 ** 42)).toThrow(OutOfMemoryError);
  expect(() => pool.acquire(2 ** 42)).toThrow(OutOfMemoryError);
  expect({ keys: pool.keys, values: pool.values, bytes: pool.bytes }).toEqual(before);
  expect(pool.keys[1]![pool.offset(row, 1, 9)]).toBe(3);
});
