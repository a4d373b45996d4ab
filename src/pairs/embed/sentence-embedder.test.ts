import { readFileSync } from 'node:fs';
import { cp, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { InvalidFileError } from '../../errors.ts';
import { cachedEmbedder } from './embedding-cache.ts';
import { loadSentenceEmbedder, type SentenceEmbedder } from './sentence-embedder.ts';

const fixtures = fileURLToPath(new URL('./fixtures/', import.meta.url));
/** Random weights in the layout of all-MiniLM-L6-v2; the embeddings are PyTorch's (make_tiny_bert.py). */
const folder = join(fixtures, 'tiny-bert');
const expected: { texts: string[]; embeddings: number[][] } = JSON.parse(
  readFileSync(join(fixtures, 'tiny-bert.json'), 'utf8'),
);

let temporary: string;
beforeAll(async () => {
  temporary = await mkdtemp(join(tmpdir(), 'kvsteer-embed-'));
});
afterAll(() => rm(temporary, { recursive: true, force: true }));

describe('loadSentenceEmbedder', () => {
  it('embeds as PyTorch does, whatever shares a batch, cut at 256 tokens', async () => {
    await using embedder = await loadSentenceEmbedder(folder);
    expect(embedder.name).toBe('tiny-bert');
    expect(embedder.fingerprint).toMatch(/^[0-9a-f]{64}$/);
    const done: number[] = [];
    const found = await embedder.embed(expected.texts, { onProgress: (event) => done.push(event.done) });
    expect(done).toEqual([4]);
    for (const [i, embedding] of found.entries()) {
      for (const [j, value] of embedding.entries()) expect(value).toBeCloseTo(expected.embeddings[i]![j]!, 5);
    }
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(embedder.embed(['a'], { signal })).rejects.toThrow('enough');
  });

  it('refuses folders that hold no such model', async () => {
    await expect(loadSentenceEmbedder(temporary)).rejects.toThrow(/onnx\/model\.onnx/);
    const damaged = join(temporary, 'damaged');
    await cp(folder, damaged, { recursive: true });
    await writeFile(join(damaged, 'onnx', 'model.onnx'), 'no graph');
    await expect(loadSentenceEmbedder(damaged)).rejects.toThrow(InvalidFileError);
  });
});

describe('cachedEmbedder', () => {
  /** Unit vectors that depend on the text; counts what it is asked. */
  class Counting implements SentenceEmbedder {
    readonly name = 'counting';
    readonly fingerprint = 'f'.repeat(64);
    asked = 0;
    async embed(texts: readonly string[]) {
      this.asked += texts.length;
      return texts.map((text) => Float32Array.of(Math.cos(text.length), Math.sin(text.length)));
    }
    async [Symbol.asyncDispose]() {}
  }
  const texts = Array.from({ length: 300 }, (_, i) => 'x'.repeat(i));

  it('embeds a block of texts once, and only what is new', async () => {
    const inner = new Counting();
    const cache = join(temporary, 'cache');
    const first = await cachedEmbedder(inner, cache).embed(texts);
    expect(inner.asked).toBe(300);
    const again = await cachedEmbedder(inner, cache).embed(texts);
    expect(inner.asked).toBe(300);
    expect(again).toEqual(first);
    await cachedEmbedder(inner, cache).embed([...texts, 'new']);
    // 300 texts are two whole blocks of 128 and one of 44, which grew to 45.
    expect(inner.asked).toBe(345);
  });

  it('makes anew what is damaged, and does without a folder it cannot write to', async () => {
    const inner = new Counting();
    const cache = join(temporary, 'damaged-cache');
    const first = await cachedEmbedder(inner, cache).embed(texts.slice(0, 3));
    const home = join(cache, inner.fingerprint.slice(0, 16));
    for (const name of await readdir(home)) await writeFile(join(home, name), 'no embeddings');
    expect(await cachedEmbedder(inner, cache).embed(texts.slice(0, 3))).toEqual(first);
    expect(inner.asked).toBe(6);
    const file = join(temporary, 'file');
    await writeFile(file, '');
    expect(await cachedEmbedder(inner, join(file, 'below')).embed(texts.slice(0, 3))).toEqual(first);
  });
});
