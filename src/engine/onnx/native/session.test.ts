/** What both ways of running a graph owe: failures are exceptions, and nothing outlives disposal. */
import { cp, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DisposedError, InvalidFileError, RuntimeFailureError } from '../../../errors.ts';
import { graphFile, weightsFile } from '../graph/graph-manifest.ts';
import { RowPool } from '../row-pool.ts';
import type { Session } from '../session.ts';
import { type Miniature, runtimes, writeMiniature } from './miniature-engine.ts';
import { loadNativeApi } from './native-session.ts';
import { OrtApi } from './ort-api.ts';

let folder: string;
let whole: Miniature;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kvsteer-sessions-'));
  whole = await writeMiniature(join(folder, 'whole'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const foreign = fileURLToPath(
  new URL('../graph/fixtures/transformersjs-layout/onnx/model.onnx', import.meta.url),
);
const tokens = Array.from({ length: 60 }, (_, i) => (i * 7) % 320);

describe.each(['native', 'plain'] as const)('a %s session', (runtime) => {
  const open = (path = join(whole.folder, graphFile), change: { layers?: number } = {}) =>
    runtimes[runtime](path, { ...whole.model, threads: 1, taps: false, ...change });
  const prompt = (pool: RowPool) => ({ pool, firstRow: 0, tokens, totals: [tokens.length], logitsAt: [59] });
  const filledPool = () => {
    const pool = new RowPool(whole.model, 2 ** 24);
    pool.acquire(100);
    return pool;
  };

  it.each<[string, (path: string) => Promise<unknown>]>([
    ['with weights cut off', (path) => truncate(join(path, weightsFile), 5_000)],
    ['without weights', (path) => rm(join(path, weightsFile))],
    ['that is not there', (path) => rm(join(path, graphFile))],
    ['that is no graph', (path) => writeFile(join(path, graphFile), 'not a graph')],
    [
      'cut in half',
      async (path) => truncate(join(path, graphFile), (await readFile(join(path, graphFile))).length >> 1),
    ],
    [
      'with flipped bits',
      async (path) => {
        const bytes = await readFile(join(path, graphFile));
        for (let i = 0; i < bytes.length; i += 97) bytes[i]! ^= 0x55;
        await writeFile(join(path, graphFile), bytes);
      },
    ],
  ])('refuses a graph %s', async (_, damage) => {
    const path = join(folder, `damaged-${runtime}`);
    await cp(whole.folder, path, { recursive: true });
    await damage(path);
    await expect(open(join(path, graphFile))).rejects.toThrow(RuntimeFailureError);
    await rm(path, { recursive: true });
  });

  it('refuses a graph of another layout, or of another model', async () => {
    await expect(open(foreign)).rejects.toThrow(InvalidFileError);
    await expect(open(foreign)).rejects.toThrow(/lacks the inputs seqlens_k.*has the inputs attention_mask/);
    await expect(open(undefined, { layers: 3 })).rejects.toThrow(/lacks the inputs past_key_values.2.key/);
    await expect(open(undefined, { layers: 1 })).rejects.toThrow(/has the inputs past_key_values.1.key/);
  });

  it('refuses steps that do not fit, and works on', async () => {
    const session = await open();
    const pool = filledPool();
    const { logits } = await session.step(prompt(pool));
    const expected = logits.slice();
    const changes = [
      { totals: [pool.capacity + 1] },
      { totals: [0] },
      { totals: [10] },
      { firstRow: -1 },
      { firstRow: pool.rows },
      { totals: [60, 60] },
      { totals: [60, 60, 60, 60, 60, 60, 60] },
      { tokens: [] },
      { logitsAt: [60] },
      { logitsAt: [-1] },
      { tokens: [...tokens.slice(1), 320] },
      { tokens: [...tokens.slice(1), -321] },
    ];
    for (const change of changes) {
      await expect(session.step({ ...prompt(pool), ...change }), JSON.stringify(change)).rejects.toThrow(
        RuntimeFailureError,
      );
    }
    const short = filledPool();
    short.values[1] = short.values[1]!.subarray(1);
    await expect(session.step(prompt(short))).rejects.toThrow(RuntimeFailureError);
    expect((await session.step(prompt(pool))).logits).toEqual(expected);
    await session.dispose();
  });

  it('follows its pool through growth, release and another pool', async () => {
    const session = await open();
    const pool = filledPool();
    const expected = (await session.step(prompt(pool))).logits.slice();
    pool.acquire(600);
    const [key] = pool.keys;
    expect((await session.step(prompt(pool))).logits).toEqual(expected);
    expect(key!.subarray(0, whole.model.headDim).some((x) => x !== 0)).toBe(true);
    expect((await session.step(prompt(filledPool()))).logits).toEqual(expected);
    await session.dispose();
  });

  it('takes one step at a time, ends the one in flight before it is disposed, and then takes none', async () => {
    const session = await open();
    const pool = filledPool();
    const first = session.step(prompt(pool));
    await expect(session.step(prompt(pool))).rejects.toThrow(RuntimeFailureError);
    let done = false;
    void first.then(() => {
      done = true;
    });
    const disposals = [session.dispose(), session.dispose()];
    await expect(session.step(prompt(pool))).rejects.toThrow(DisposedError);
    await Promise.all(disposals);
    expect(done).toBe(true);
    expect((await first).logits).toHaveLength(320);
    await session.dispose();
    await expect(session.step(prompt(pool))).rejects.toThrow(DisposedError);
  });
});

describe('native sessions', () => {
  it('release every handle they make, whatever happens', async () => {
    const { alive } = loadNativeApi();
    const before = { ...alive };
    const path = join(whole.folder, graphFile);
    const options = { ...whole.model, threads: 1, taps: false };
    await expect(runtimes.native(foreign, options)).rejects.toThrow();
    await expect(runtimes.native('nowhere.onnx', options)).rejects.toThrow();
    expect(alive).toEqual(before);

    const sessions: Session[] = [];
    for (let i = 0; i < 2; i++) sessions.push(await runtimes.native(path, options));
    expect(alive.sessions).toBe(before.sessions + 2);
    for (const session of sessions) {
      for (let size = 1; size < 11; size++) {
        const pool = new RowPool(whole.model, 2 ** 26);
        for (let r = 0; r < size; r++) pool.acquire(10);
        for (let row = 0; row < size; row++) {
          await session.step({ pool, firstRow: row, tokens: [1, 2], totals: [2], logitsAt: [] });
        }
        const bad = { pool, firstRow: 0, tokens: [1, 999], totals: [2], logitsAt: [0] };
        await expect(session.step(bad)).rejects.toThrow(RuntimeFailureError);
        // the K/V tensors of at most eight ranges
        expect(alive.tensors - before.tensors).toBeLessThanOrEqual(2 * 8 * 2 * whole.model.layers);
      }
    }
    for (const session of sessions) await session.dispose();
    expect(alive).toEqual(before);
  });

  it('say why a library cannot be used', () => {
    expect(() => new OrtApi(join(folder, 'nothing.so'))).toThrow(RuntimeFailureError);
    expect(() => new OrtApi(process.execPath)).toThrow(/could not be used/);
  });
});
