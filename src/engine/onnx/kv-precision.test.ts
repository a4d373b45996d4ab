/** Keys and values as float16: half the memory, the same behaviour, and logits that differ by rounding only. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { InvalidArgumentError, OutOfMemoryError, RuntimeFailureError } from '../../errors.ts';
import { graphFile, kv16GraphFile } from './graph/graph-manifest.ts';
import { writeGraph } from './graph/write-graph.ts';
import type { KvPrecision } from './kv-precision.ts';
import { miniatureCheckpoint } from './native/miniature-checkpoint.ts';
import { type Miniature, openMiniature, runtimes, writeMiniature } from './native/miniature-engine.ts';
import type { OnnxEngine } from './onnx-engine.ts';
import { RowPool } from './row-pool.ts';

let folder: string;
let miniature: Miniature;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kvsteer-kv16-'));
  miniature = await writeMiniature(join(folder, 'graph'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const prompt = (length: number, seed = 1) => Array.from({ length }, (_, i) => (i * 31 + seed * 17) % 320);
const open = (runtime: 'native' | 'plain', kvPrecision: KvPrecision = 'fp16', kvCacheBytes = 2 ** 26) =>
  openMiniature(miniature, runtime, { kvPrecision, kvCacheBytes });

/** Logits of a prompt in two parts, of five decoded steps with log-probabilities, and a key and a value. */
async function trace(engine: OnnxEngine, tokens: readonly number[]) {
  const { cache } = await engine.prefill(tokens.slice(0, 30));
  const { cache: rest, logits } = await engine.prefill(tokens.slice(30), { prefix: cache });
  const events = [];
  const options = { feed: [7], maxTokens: 40, logprobs: true };
  for await (const event of engine.generate(rest, options)) events.push(event);
  const read = (kind: 'key' | 'value') => rest.read({ layer: 1, kind, position: rest.length - 1 });
  const found = { logits, events, key: await read('key'), value: await read('value') };
  await cache[Symbol.asyncDispose]();
  await rest[Symbol.asyncDispose]();
  return found;
}

const largestDifference = (a: Float32Array, b: Float32Array) =>
  a.reduce((most, x, i) => Math.max(most, Math.abs(x - b[i]!)), 0);

describe('float16 keys and values', () => {
  it('take half the memory: twice the rows in one budget', async () => {
    const shape = { layers: 30, kvHeads: 3, headDim: 64, contextLength: 8192 };
    expect(new RowPool(shape, 1, 'fp32').bytesPerPosition).toBe(46_080);
    expect(new RowPool(shape, 1, 'fp16').bytesPerPosition).toBe(23_040);
    for (const [kvPrecision, rows] of [
      ['fp32', 2],
      ['fp16', 4],
    ] as const) {
      // two rows of 256 positions in float32
      await using engine = await open('native', kvPrecision, 2 * 256 * 2 * 2 * 2 * 32 * 4);
      for (let i = 0; i < rows; i++) await engine.prefill(prompt(100, i));
      await expect(engine.prefill(prompt(1))).rejects.toThrow(OutOfMemoryError);
    }
  });

  it('are the same through the C API and through the npm binding, bit for bit', async () => {
    await using native = await open('native');
    await using plain = await open('plain');
    const found = await trace(native, prompt(300));
    expect(await trace(plain, prompt(300))).toEqual(found);
    const hidden = { hidden: true, residual: [{ layer: 0, offset: new Float32Array(128).fill(0.1) }] };
    const [a, b] = [await native.prefill(prompt(50), hidden), await plain.prefill(prompt(50), hidden)];
    expect([b.hidden, b.logits]).toEqual([a.hidden, a.logits]);
  });

  it.each(['native', 'plain'] as const)(
    'ragged rows are their solo runs, bit for bit (%s)',
    async (runtime) => {
      await using engine = await open(runtime);
      const prompts = [40, 300, 31, 120, 517, 64, 99].map((length, i) => prompt(length, i + 1));
      const alone = [];
      for (const tokens of prompts) alone.push(await trace(engine, tokens));
      expect(await Promise.all(prompts.map((tokens) => trace(engine, tokens)))).toEqual(alone);
    },
  );

  it('give the logits of float32 up to rounding', async () => {
    // weights as float32 too: in q4 the rounding of activations to 8 bits makes more of every difference
    const path = join(folder, 'fp32');
    const { model } = await writeGraph(miniatureCheckpoint(), { precision: 'fp32' }, path);
    const exact = { folder: path, model };
    await using half = await openMiniature(exact, 'native', { kvPrecision: 'fp16' });
    await using full = await openMiniature(exact, 'native');
    for (const length of [40, 300, 900]) {
      const tokens = prompt(length);
      const at = tokens.map((_, i) => i);
      const [a, b] = [await half.prefill(tokens, { at }), await full.prefill(tokens, { at })];
      const size = b.logits.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
      const difference = largestDifference(a.logits, b.logits);
      expect(difference).toBeGreaterThan(0);
      expect(difference).toBeLessThan(2 ** -9 * size);
      for (const kind of ['key', 'value'] as const) {
        const slot = { layer: 0, kind, position: length - 1 };
        const [x, y] = [await a.cache.read(slot), await b.cache.read(slot)];
        const most = Math.max(...y.map(Math.abs));
        // projected in float32, rounded before and after the rotation
        expect(largestDifference(x, y)).toBeLessThan(2 ** -9 * most);
      }
    }
  });

  it('an edit is summed in float32 and rounded to nearest, ties to even', async () => {
    await using engine = await open('native');
    const { cache } = await engine.prefill(prompt(20));
    const slot = { layer: 1, kind: 'value', position: 4 } as const;
    const all = (value: number) => new Float32Array(64).fill(value);
    await cache.add(
      slot,
      (await cache.read(slot)).map((x) => 1 - x),
    );
    expect(await cache.read(slot)).toEqual(all(1));
    // next to 1 lies 1 + 2^-10
    for (const [delta, expected] of [
      [2 ** -11, 1],
      [2 ** -11 + 2 ** -20, 1 + 2 ** -10],
      [2 ** -11, 1 + 2 ** -9],
      [2 ** -12, 1 + 2 ** -9],
      [65_503, 65_504],
    ] as const) {
      await cache.add(slot, all(delta));
      expect(await cache.read(slot)).toEqual(all(expected));
    }
  });

  it('an edit past the largest float16 is refused and changes nothing', async () => {
    await using engine = await open('native');
    const { cache } = await engine.prefill(prompt(20));
    for (const kind of ['key', 'value'] as const) {
      const slot = { layer: 1, kind, position: 4 };
      const before = await cache.read(slot);
      const delta = new Float32Array(64);
      delta[0] = 1;
      delta[63] = 1e5;
      await expect(cache.add(slot, delta)).rejects.toThrow(InvalidArgumentError);
      expect(await cache.read(slot)).toEqual(before);
    }
  });

  it.each(['native', 'plain'] as const)(
    'a pool of another precision than the graph is refused (%s)',
    async (runtime) => {
      const options = { ...miniature.model, threads: 1, taps: false };
      for (const [file, precision] of [
        [graphFile, 'fp16'],
        [kv16GraphFile, 'fp32'],
      ] as const) {
        const session = await runtimes[runtime](join(miniature.folder, file), options);
        const pool = new RowPool(miniature.model, 2 ** 24, precision);
        pool.acquire(10);
        const step = { pool, firstRow: 0, tokens: [1, 2], totals: [2], logitsAt: [1] };
        await expect(session.step(step)).rejects.toThrow(RuntimeFailureError);
        await session.dispose();
      }
    },
  );
});
