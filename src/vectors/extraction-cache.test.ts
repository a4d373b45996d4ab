import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Slot } from '../engine/engine.ts';
import { byteTokenizer as tokenizer } from '../pairs/byte-tokenizer.test-support.ts';
import { makePair } from '../pairs/pair.ts';
import { extractVector } from './extract-vector.ts';
import { type CachedExtractOptions, extractCached } from './extraction-cache.ts';
import { stateFromBytes } from './extraction-state.ts';
import { MemoryEngine } from './memory-engine.test-support.ts';

const content = ({ layer, kind }: Slot, tokens: readonly number[]) =>
  Float32Array.from({ length: 16 }, (_, i) =>
    Math.sin(
      tokens.reduce((hash, token) => (hash * 31 + token) % 9973, layer + (kind === 'key' ? 50 : 90)) + i,
    ),
  );
const pairs = Array.from({ length: 20 }, (_, i) => makePair(`long ${i}.`, `${i}.`, { tokenizer }));
const created = '2026-01-01T00:00:00Z';

let cacheFolder: string;
beforeEach(async () => {
  cacheFolder = await mkdtemp(join(tmpdir(), 'kvsteer-extractions-'));
});
afterEach(() => rm(cacheFolder, { recursive: true, force: true }));

/** Prompts read, and the result. */
async function run(options: Partial<CachedExtractOptions> = {}, list = pairs) {
  const engine = new MemoryEngine(content);
  const result = await extractCached(engine, list, { cacheFolder, created, ...options });
  return { ...result, read: engine.prefilled.length };
}

describe('extractCached', () => {
  it('reads no prompt for what it has extracted before, and stamps the result anew', async () => {
    const first = await run({ recipe: 'one' });
    const again = await run({ recipe: 'two', recommended: { values: 3, keys: null, layers: null } });
    expect([first.pairsFromCache, first.read, again.pairsFromCache, again.read]).toEqual([0, 40, 20, 0]);
    expect(first.vector).toEqual(
      await extractVector(new MemoryEngine(content), pairs, { created, recipe: 'one' }),
    );
    expect(again.vector).toEqual({
      ...first.vector,
      recipe: 'two',
      recommended: { values: 3, keys: null, layers: null },
    });
  });

  it('takes pairs that are made anew each time, to the same bits, stopped or not', async () => {
    let made = 0;
    async function* stream() {
      for (const pair of pairs) {
        made++;
        yield pair;
      }
    }
    const engine = () => new MemoryEngine(content);
    const stop = new AbortController();
    const onProgress = ({ done }: { done: number }) => done === 7 && stop.abort(new Error('stopped'));
    const options = { cacheFolder, created };
    const stopped = extractCached(engine(), stream, { ...options, signal: stop.signal, onProgress });
    await expect(stopped).rejects.toThrow('stopped');
    made = 0;
    const seen: (number | null)[] = [];
    const resumed = await extractCached(engine(), stream, {
      ...options,
      onProgress: ({ total }) => seen.push(total),
    });
    expect(resumed.vector).toEqual(await extractVector(engine(), pairs, { created }));
    expect([resumed.pairsFromCache, made]).toEqual([7, 40]);
    expect(new Set(seen)).toEqual(new Set([20]));
    expect((await run()).pairsFromCache).toBe(20);
  });

  it('tells apart pairs, their order, key modes and aggregations', async () => {
    await run();
    for (const options of [
      { keyMode: 'post-rope' },
      { aggregation: 'median' },
      { aggregation: 'kmeans', clusters: 2 },
      { aggregation: 'kmeans', clusters: 3 },
      { aggregation: 'kmeans', clusters: 3, seed: 1 },
    ] as const) {
      expect((await run(options)).pairsFromCache).toBe(0);
      expect((await run(options)).pairsFromCache).toBe(20);
    }
    expect((await run({}, pairs.toReversed())).pairsFromCache).toBe(0);
    expect((await run({}, pairs.slice(1))).pairsFromCache).toBe(0);
  });

  it('goes on where it was stopped, and ends with the same bits', async () => {
    for (const stops of [[1], [7, 13]]) {
      for (const at of stops) {
        const stop = new AbortController();
        const onProgress = ({ done }: { done: number }) => done === at && stop.abort(new Error('stopped'));
        await expect(run({ signal: stop.signal, onProgress })).rejects.toThrow('stopped');
      }
      const seen: number[] = [];
      const resumed = await run({ onProgress: ({ done }) => seen.push(done) });
      const whole = await extractVector(new MemoryEngine(content), pairs, { created });
      expect(resumed.vector).toEqual(whole);
      expect(resumed.pairsFromCache).toBe(stops.at(-1));
      expect([seen[0], resumed.read]).toEqual([stops.at(-1)! + 1, 2 * (20 - stops.at(-1)!)]);
      expect((await readdir(cacheFolder)).map((name) => name.slice(64))).toEqual(['.safetensors']);
      await rm(cacheFolder, { recursive: true });
    }
  });

  it('begins anew from a damaged file, and does without a folder that cannot be written', async () => {
    await run();
    const [file] = await readdir(cacheFolder);
    await writeFile(join(cacheFolder, file!), 'damaged');
    await writeFile(join(cacheFolder, file!.replace('safetensors', 'partial')), 'damaged too');
    expect((await run()).read).toBe(40);
    expect((await run()).read).toBe(0);
    const inTheWay = join(cacheFolder, file!);
    expect((await run({ cacheFolder: inTheWay })).read).toBe(40);
  });
});

describe('stateFromBytes', () => {
  it('takes only what fits the run', async () => {
    const stop = new AbortController();
    const onProgress = ({ done }: { done: number }) => done === 5 && stop.abort(new Error('stopped'));
    await run({ signal: stop.signal, onProgress }).catch(() => {});
    const [file] = await readdir(cacheFolder);
    const { readBounded } = await import('./vector-file.ts');
    const bytes = await readBounded(join(cacheFolder, file!));
    expect(stateFromBytes(bytes, 'x', 48, 20)!.accumulator.count).toBe(5);
    expect(stateFromBytes(bytes, 'x', 24, 20)).toBeNull();
    expect(stateFromBytes(bytes, 'x', 48, 4)).toBeNull();
    for (let cut = 0; cut < bytes.length; cut += 997) {
      expect(stateFromBytes(bytes.subarray(0, cut), 'x', 48, 20)).toBeNull();
    }
  });
});
