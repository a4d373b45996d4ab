import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { InvalidArgumentError, InvalidFileError, ModelNotFoundError } from '../errors.ts';
import { listModels } from './list.ts';
import { packageRoot } from './package-root.ts';
import { resolveModel } from './resolve.ts';

let folder: string;
let cache: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kvsteer-test-'));
  cache = join(folder, 'cache');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** A folder with these files; a .gguf has the magic. */
async function make(name: string, files: readonly string[]): Promise<string> {
  const path = join(folder, name);
  for (const file of files) {
    await mkdir(dirname(join(path, file)), { recursive: true });
    await writeFile(join(path, file), file.endsWith('.gguf') ? 'GGUF rest' : '{}');
  }
  return path;
}
const failure = async (promise: Promise<unknown>) =>
  promise.then(
    () => null,
    (error: unknown) => error as Error,
  );

describe('resolveModel of a path', () => {
  it('finds a GGUF file, with or without a tokenizer beside it', async () => {
    const bare = join(await make('a', ['m.gguf']), 'm.gguf');
    expect(await resolveModel(bare, { cache })).toEqual({
      name: bare,
      kind: 'gguf',
      path: bare,
      tokenizerFolder: null,
    });
    const both = await make('b', ['m.gguf', 'tokenizer.json']);
    expect((await resolveModel(join(both, 'm.gguf'), { cache })).tokenizerFolder).toBe(both);
  });

  it.each([
    ['one GGUF', ['m.gguf', 'tokenizer.json'], 'gguf'],
    [
      'a checkpoint',
      ['config.json', 'model.safetensors', 'onnx/model.onnx', 'tokenizer.json'],
      'safetensors',
    ],
    [
      'a checkpoint in shards',
      ['config.json', 'model-00001-of-00002.safetensors', 'tokenizer.json'],
      'safetensors',
    ],
    ['a checkpoint of another name', ['config.json', 'weights.safetensors', 'tokenizer.json'], 'safetensors'],
    ['an ONNX layout', ['config.json', 'onnx/model_q4.onnx', 'tokenizer.json'], 'onnx'],
    ['a GGUF beside a vector', ['config.json', 'm.gguf', 'vector.safetensors', 'tokenizer.json'], 'gguf'],
  ])('finds %s in a folder', async (_what, files, kind) => {
    const path = await make('model', files);
    const found = await resolveModel(path, { cache });
    expect(found).toEqual({
      name: path,
      kind,
      path: kind === 'gguf' ? join(path, 'm.gguf') : path,
      tokenizerFolder: path,
    });
  });

  it('says what a folder holds that has no model, or several', async () => {
    const none = await failure(resolveModel(await make('none', ['notes.txt']), { cache }));
    expect(none).toBeInstanceOf(ModelNotFoundError);
    expect(none?.message).toContain('found notes.txt');
    const two = await failure(resolveModel(await make('two', ['a.gguf', 'b.gguf']), { cache }));
    expect(two?.message).toContain('name one of them: a.gguf, b.gguf');
  });

  it('refuses a file that is no model', async () => {
    const path = await make('bad', ['notes.txt', 'model.safetensors']);
    await writeFile(join(path, 'x.gguf'), 'nope');
    expect(await failure(resolveModel(join(path, 'x.gguf'), { cache }))).toBeInstanceOf(InvalidFileError);
    expect((await failure(resolveModel(join(path, 'model.safetensors'), { cache })))?.message).toContain(
      'folder',
    );
    expect(await failure(resolveModel(join(path, 'notes.txt'), { cache }))).toBeInstanceOf(
      ModelNotFoundError,
    );
  });

  it('names what is missing, without the network', async () => {
    const path = await failure(resolveModel(join(folder, 'absent', 'm.gguf'), { cache, download: true }));
    expect(path).toBeInstanceOf(ModelNotFoundError);
    expect(path?.message).toContain('no such file');
    const file = await failure(resolveModel('folder/m.gguf', { cache, download: true }));
    expect(file?.message).toContain('no such file');
    const near = await failure(resolveModel('smolm2-135m-instruct', { cache, download: true }));
    expect(near?.message).toContain('Did you mean smollm2-135m-instruct?');
    const known = await failure(resolveModel('smollm2-135m-instruct', { cache }));
    expect(known?.message).toContain('kvsteer pull smollm2-135m-instruct');
    const hub = await failure(resolveModel('owner/name', { cache }));
    expect(hub?.message).toContain('kvsteer pull owner/name');
    expect(await failure(resolveModel(' ', { cache }))).toBeInstanceOf(InvalidArgumentError);
  });
});

describe('listModels', () => {
  it('lists the known models where nothing is cached', async () => {
    const listed = await listModels({ cache });
    expect(listed.map(({ name }) => name)).toEqual(['tiny', 'smollm2-135m-instruct']);
    expect(listed[1]).toMatchObject({ state: 'available', bytes: 0, totalBytes: 98_362_432, path: null });
  });

  it('shows how much of a cut pull is there', async () => {
    await make('cache/models/smollm2-135m-instruct', ['SmolLM2-135M-Instruct.Q4_1.gguf.part']);
    expect((await listModels({ cache }))[1]).toMatchObject({ state: 'partial', bytes: 2 });
  });
});

describe('packageRoot', () => {
  it('is found from src and from dist', async () => {
    const root = packageRoot();
    for (const below of ['dist/index.js', 'dist/cli/main.js', 'src/models/x.ts']) {
      expect(packageRoot(join(root, below))).toBe(root);
    }
    await make('app', ['package.json']);
    expect(() => packageRoot(join(folder, 'app', 'bundle.js'))).toThrow(ModelNotFoundError);
  });
});
