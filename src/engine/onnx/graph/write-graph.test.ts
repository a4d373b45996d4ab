import { mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { InvalidArgumentError, InvalidFileError } from '../../../errors.ts';
import type { Checkpoint } from './checkpoint.ts';
import { openGgufCheckpoint } from './gguf-checkpoint.ts';
import { manifestFile, readGraphManifest, weightsFile } from './graph-manifest.ts';
import { writeGraph } from './write-graph.ts';

const source = join(import.meta.dirname, 'fixtures/gguf/llama.gguf');

describe('writeGraph', () => {
  let parent: string;
  let folder: string;
  let checkpoint: Checkpoint;

  beforeEach(async () => {
    parent = await mkdtemp(join(tmpdir(), 'kvsteer-graph-'));
    folder = join(parent, 'graph');
    checkpoint = await openGgufCheckpoint(source);
  });
  afterEach(async () => {
    await checkpoint[Symbol.asyncDispose]();
    await rm(parent, { recursive: true, force: true });
  });

  it('returns the manifest that is read back', async () => {
    const written = await writeGraph(checkpoint, { precision: 'q4', maxPositions: 100 }, folder);
    expect(await readGraphManifest(folder)).toEqual(written);
    expect(written).toMatchObject({ io: 'kvsteer', precision: 'q4', maxPositions: 100 });
    expect(written.model).toMatchObject({
      layers: 2,
      heads: 4,
      kvHeads: 2,
      headDim: 32,
      rope: { rotaryDim: 32 },
    });
  });

  it('gives one fingerprint to every precision', async () => {
    const fp32 = await writeGraph(checkpoint, { precision: 'fp32' }, folder);
    const q4 = await writeGraph(checkpoint, { precision: 'q4' }, folder);
    expect(q4.model.fingerprint).toBe(fp32.model.fingerprint);
    expect(q4.files[weightsFile]).toBeLessThan(fp32.files[weightsFile]);
  });

  it('replaces an older folder and leaves nothing beside it', async () => {
    await mkdir(folder);
    await writeFile(join(folder, 'stale'), '');
    await writeGraph(checkpoint, { precision: 'q4' }, folder);
    expect(await readdir(parent)).toEqual(['graph']);
    expect((await readdir(folder)).sort()).toEqual([
      'graph.json',
      'model.kv16.onnx',
      'model.kv16.taps.onnx',
      'model.onnx',
      'model.taps.onnx',
      'weights.bin',
    ]);
  });

  it('reports progress up to the total', async () => {
    const seen: { done: number; total: number }[] = [];
    await writeGraph(
      checkpoint,
      { precision: 'fp32', onProgress: (progress) => seen.push(progress) },
      folder,
    );
    expect(seen.map(({ done }) => done)).toEqual(seen.map(({ done }) => done).toSorted((a, b) => a - b));
    expect(seen.at(-1)!.done).toBe(seen.at(-1)!.total);
  });

  it('leaves nothing behind when aborted, at any point', async () => {
    for (const after of [0, 1, 5, 20]) {
      const controller = new AbortController();
      let events = 0;
      const onProgress = () => {
        if (++events > after) controller.abort(new Error('enough'));
      };
      const options = { precision: 'fp32', signal: controller.signal, onProgress } as const;
      await expect(writeGraph(checkpoint, options, folder)).rejects.toThrow('enough');
      expect(await readdir(parent)).toEqual([]);
    }
  });

  it('leaves an older folder as it was when aborted', async () => {
    const written = await writeGraph(checkpoint, { precision: 'q4' }, folder);
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(writeGraph(checkpoint, { precision: 'fp32', signal }, folder)).rejects.toThrow('enough');
    expect(await readGraphManifest(folder)).toEqual(written);
  });

  it.each([0, 1.5, -1, 513, Number.NaN])('refuses maxPositions %s', async (maxPositions) => {
    const writing = writeGraph(checkpoint, { precision: 'fp32', maxPositions }, folder);
    await expect(writing).rejects.toThrow(InvalidArgumentError);
  });
});

describe('readGraphManifest', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kvsteer-graph-'));
    await using checkpoint = await openGgufCheckpoint(source);
    await writeGraph(checkpoint, { precision: 'q4' }, folder);
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('refuses a file of another size', async () => {
    await truncate(join(folder, weightsFile), 1000);
    await expect(readGraphManifest(folder)).rejects.toThrow(
      /weights\.bin should have \d+ bytes, but has 1000/,
    );
  });

  it('refuses a missing file', async () => {
    await rm(join(folder, 'model.onnx'));
    await expect(readGraphManifest(folder)).rejects.toThrow('model.onnx should have');
  });

  it.each<[string, (text: string) => string]>([
    ['no JSON', () => '{'],
    ['another version', (text) => text.replace(/"formatVersion": \d+/, '"formatVersion": 99')],
    ['a layer count of 0', (text) => text.replace(/"layers": \d+/, '"layers": 0')],
    ['a megabyte', (text) => text + ' '.repeat(2 ** 20)],
  ])('refuses %s', async (_, change) => {
    const path = join(folder, manifestFile);
    await writeFile(path, change(await readFile(path, 'utf8')));
    await expect(readGraphManifest(folder)).rejects.toThrow(InvalidFileError);
  });

  it('refuses an empty folder', async () => {
    await expect(readGraphManifest(join(folder, 'none'))).rejects.toThrow(InvalidFileError);
  });
});
