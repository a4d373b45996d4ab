import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { ModelNotFoundError } from './errors.ts';
import { DEFAULT_EMBEDDER, loadEmbedder } from './load-embedder.ts';
import { HubServer } from './models/hub-server.fixture.ts';

const fixtures = fileURLToPath(new URL('./pairs/embed/fixtures/', import.meta.url));
let server: HubServer;
let cache: string;

beforeEach(async () => {
  server = await new HubServer().start();
  cache = await mkdtemp(join(tmpdir(), 'kvsteer-embedder-'));
  vi.stubEnv('HF_ENDPOINT', server.url);
  vi.stubEnv('HF_HUB_OFFLINE', '');
  vi.stubEnv('HF_TOKEN', '');
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await server[Symbol.asyncDispose]();
  await rm(cache, { recursive: true, force: true });
});

it('pulls the model from the hub once, the graph of its own choice, and keeps the embeddings', async () => {
  const read = (name: string) => readFile(join(fixtures, 'tiny-bert', name));
  const small = ['config.json', 'tokenizer.json', 'tokenizer_config.json'];
  server.add(DEFAULT_EMBEDDER, {
    ...Object.fromEntries(await Promise.all(small.map(async (name) => [name, { bytes: await read(name) }]))),
    'onnx/model.onnx': { bytes: await read('onnx/model.onnx'), lfs: true },
    'onnx/model_q4.onnx': { bytes: Buffer.from('another form'), lfs: true },
    'model.safetensors': { bytes: Buffer.from('the original'), lfs: true },
  });
  const { texts, embeddings } = JSON.parse(await readFile(join(fixtures, 'tiny-bert.json'), 'utf8'));
  for (let pass = 0; pass < 2; pass++) {
    await using embedder = await loadEmbedder(DEFAULT_EMBEDDER, { cache });
    expect(embedder.name).toBe('all-MiniLM-L6-v2');
    const found = await embedder.embed(texts);
    for (const [i, vector] of found.entries()) expect(vector[0]).toBeCloseTo(embeddings[i][0], 5);
    // Then neither the hub nor the model is asked again.
    expect(server.bodyRequests().map(({ url }) => url.split('/').at(-1))).toEqual(['model.onnx']);
    const [model] = await readdir(join(cache, 'embeddings'));
    expect(await readdir(join(cache, 'embeddings', model!))).toHaveLength(1);
  }
});

it('does not touch the network where it must not', async () => {
  await expect(loadEmbedder(undefined, { cache, download: false })).rejects.toThrow(ModelNotFoundError);
  expect(server.requests).toEqual([]);
});
