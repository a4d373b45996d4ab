import { cp, mkdtemp, readdir, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { InvalidArgumentError, KvSteerError, RuntimeFailureError } from '../../errors.ts';
import { graphFile, manifestFile, weightsFile } from './graph/graph-manifest.ts';
import { loadOnnxEngine, type OnnxEngineOptions } from './load-onnx-engine.ts';

const file = (path: string) => fileURLToPath(new URL(path, import.meta.url));

let folder: string;
let model: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kvsteer-load-'));
  model = join(folder, 'model');
  await cp(file('./graph/fixtures/qwen2-random'), model, { recursive: true });
  for (const name of ['tokenizer.json', 'tokenizer_config.json']) {
    await cp(file(`../../../models/tiny/${name}`), join(model, name));
  }
});
afterAll(() => rm(folder, { recursive: true, force: true }));
beforeEach(() => {
  vi.stubEnv('KVSTEER_ORT', 'native');
  return () => vi.unstubAllEnvs();
});

const cache = () => join(folder, 'cache');
const load = (options: OnnxEngineOptions = {}, path = model) =>
  loadOnnxEngine({ name: 'fixture', kind: 'safetensors', path, tokenizerFolder: model }, cache(), {
    threads: 1,
    ...options,
  });

async function logits(): Promise<Float32Array> {
  await using engine = await load();
  const { cache: row, logits } = await engine.prefill([1, 2, 3]);
  await row[Symbol.asyncDispose]();
  return logits;
}

it.each<[string, (graph: string) => Promise<unknown>]>([
  ['weights cut off', (graph) => truncate(join(graph, weightsFile), 100)],
  ['no weights', (graph) => rm(join(graph, weightsFile))],
  ['a graph cut off', (graph) => truncate(join(graph, graphFile), 100)],
  ['a damaged manifest', (graph) => writeFile(join(graph, manifestFile), '{"formatVersion":')],
  ['no manifest', (graph) => rm(join(graph, manifestFile))],
])('a written graph with %s is written anew', async (_, damage) => {
  const expected = await logits();
  const [graph] = await readdir(join(cache(), 'graphs'));
  await damage(join(cache(), 'graphs', graph!));
  expect(await logits()).toEqual(expected);
});

it('a written graph of the right size that is no graph is an error that says what to do', async () => {
  await logits();
  const [graph] = await readdir(join(cache(), 'graphs'));
  const path = join(cache(), 'graphs', graph!, graphFile);
  const { size } = await stat(path);
  await writeFile(path, Buffer.alloc(size, 0x55));
  await expect(load()).rejects.toThrow(RuntimeFailureError);
  await expect(load()).rejects.toThrow(/delete its folder/);
  await rm(join(cache(), 'graphs', graph!), { recursive: true });
});

it.each([
  { threads: 0 },
  { threads: 1.5 },
  { threads: 257 },
  { threads: 2 ** 31 + 1 },
  { kvCacheBytes: 0 },
  { kvCacheBytes: Number.NaN },
])('refuses %o', async (options) => {
  await expect(load(options)).rejects.toThrow(InvalidArgumentError);
});

it('refuses a checkpoint that is cut off, and leaves no graph behind', async () => {
  const cut = join(folder, 'cut');
  await cp(model, cut, { recursive: true });
  await truncate(join(cut, 'model.safetensors'), 20_000);
  const before = await readdir(join(cache(), 'graphs'));
  await expect(load({}, cut)).rejects.toThrow(KvSteerError);
  expect(await readdir(join(cache(), 'graphs'))).toEqual(before);
});

it('an aborted load rejects with the reason', async () => {
  const reason = new Error('enough');
  await expect(load({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
});
