import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { InvalidArgumentError, InvalidFileError, ModelNotFoundError, UploadError } from '../errors.ts';
import { HubServer, someBytes } from '../models/hub-server.fixture.ts';
import { makeVector } from '../vectors/vector.ts';
import { vectorToBytes } from '../vectors/vector-bytes.ts';
import { loadVector, saveVector } from '../vectors/vector-file.ts';
import { pullModelOrVector, pullVector } from './pull-vector.ts';
import { pushVector } from './push-vector.ts';
import { cardMark, vectorCard } from './vector-card.ts';

const bundled = (style: string) =>
  fileURLToPath(new URL(`../../models/tiny/vectors/${style}.safetensors`, import.meta.url));
const stepwise = await loadVector(bundled('stepwise'));
const bytes = Buffer.from(vectorToBytes(stepwise));

let server: HubServer;
let folder: string;
let cache: string;
beforeEach(async () => {
  server = await new HubServer().start();
  folder = await mkdtemp(join(tmpdir(), 'kvsteer-sharing-'));
  cache = join(folder, 'cache');
  vi.stubEnv('HF_ENDPOINT', server.url);
  vi.stubEnv('HF_TOKEN', 'hf_writer');
  vi.stubEnv('HF_HUB_OFFLINE', '');
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await server[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const served = (repo: string, file: string) => String(server.repos.get(repo)!.get(file)!.bytes);

describe('pushVector', () => {
  it('makes the repository, uploads vector and card in one commit, and pull brings the same vector back', async () => {
    const pushed = await pushVector(bundled('stepwise'), 'me/steps', { private: true });
    expect(pushed).toEqual({
      repo: 'me/steps',
      file: 'stepwise.safetensors',
      url: `${server.url}/me/steps`,
      commit: expect.stringMatching(/^[0-9a-f]{40}$/),
      created: true,
      card: 'written',
    });
    expect(server.uploads.created).toEqual([{ name: 'me/steps', visibility: 'private' }]);
    expect(server.uploads.commits).toEqual([
      { repo: 'me/steps', summary: 'Add stepwise.safetensors', files: ['stepwise.safetensors', 'README.md'] },
    ]);
    expect(server.repos.get('me/steps')!.get('stepwise.safetensors')!.lfs).toBe(true);
    const { path, vector } = await pullVector('me/steps', { cache });
    expect(path.startsWith(cache)).toBe(true);
    expect(vector).toEqual(stepwise);
  });

  it('keeps the token from the store', async () => {
    await pushVector(bundled('stepwise'), 'me/steps');
    expect(server.uploads.storeHeaders).toHaveLength(1);
    expect(server.uploads.storeHeaders[0]!.authorization).toBeUndefined();
  });

  it('replaces its own card, and keeps one that a person wrote or that is of another vector', async () => {
    await pushVector(bundled('stepwise'), 'me/steps');
    expect((await pushVector(bundled('stepwise'), 'me/steps')).card).toBe('written');
    const second = await pushVector(bundled('causal'), 'me/steps');
    expect(second).toMatchObject({ created: false, card: 'kept' });
    expect(served('me/steps', 'README.md')).toContain(cardMark('stepwise.safetensors'));
    server.repos.get('me/steps')!.set('README.md', { bytes: Buffer.from('# mine') });
    expect((await pushVector(bundled('stepwise'), 'me/steps')).card).toBe('kept');
    expect(served('me/steps', 'README.md')).toBe('# mine');
  });

  it('refuses what is no vector before the hub is asked', async () => {
    const path = join(folder, 'x.safetensors');
    await writeFile(path, someBytes(1000));
    await expect(pushVector(path, 'me/steps')).rejects.toThrow(InvalidFileError);
    expect(server.requests).toEqual([]);
  });

  it.each([
    ['no token', '', /set HF_TOKEN\.$/],
    ['a token of another kind', 'secret', /begins with hf_/],
  ])('refuses %s', async (_, token, message) => {
    vi.stubEnv('HF_TOKEN', token);
    await expect(pushVector(bundled('stepwise'), 'me/steps')).rejects.toThrow(message);
  });

  it.each(['steps', 'me/steps:file.safetensors', 'me/steps@branch', '../x'])(
    'refuses the repository %s',
    (repo) =>
      expect(pushVector(bundled('stepwise'), repo)).rejects.toThrow(/Expected owner\/name on the hub/),
  );

  it.each(['../x.safetensors', 'x.bin', 'a b.safetensors'])('refuses the name %s', (file) =>
    expect(pushVector(bundled('stepwise'), 'me/steps', { file })).rejects.toThrow(InvalidArgumentError),
  );

  it('says what the hub said, and what to do', async () => {
    server.add('other/steps', {});
    vi.stubEnv('HF_TOKEN', 'hf_reader');
    await expect(pushVector(bundled('stepwise'), 'other/steps')).rejects.toThrow(
      /other\/steps could not be written to: HTTP 401, Invalid username or password.*HF_TOKEN must be valid/,
    );
    vi.stubEnv('HF_TOKEN', 'hf_writer');
    server.uploads.failCommitWith = 412;
    await expect(pushVector(bundled('stepwise'), 'other/steps')).rejects.toThrow(UploadError);
    expect((await pushVector(bundled('stepwise'), 'other/steps')).created).toBe(false);
  });
});

describe('pullVector', () => {
  const add = (...files: readonly string[]) =>
    server.add('me/steps', {
      'README.md': { bytes: Buffer.from('# steps') },
      ...Object.fromEntries(files.map((file) => [file, { bytes, lfs: true }])),
    });

  it('takes the named one of several, with or without its ending, and lists them where none is named', async () => {
    add('a.safetensors', 'b.safetensors');
    expect((await pullVector('me/steps:a.safetensors', { cache })).vector).toEqual(stepwise);
    expect((await pullVector('me/steps:b', { cache })).path).toMatch(/b\.safetensors$/);
    await expect(pullVector('me/steps', { cache })).rejects.toThrow(
      'me/steps is not one vector. Name one of its vectors: me/steps:a.safetensors, me/steps:b.safetensors.',
    );
    await expect(pullVector('me/steps:c', { cache })).rejects.toThrow(/has no vector c\. Name one/);
  });

  it('asks the hub once, and again with refresh', async () => {
    add('a.safetensors');
    await pullVector('me/steps', { cache });
    const asked = server.requests.length;
    await pullVector('me/steps', { cache });
    expect(server.requests).toHaveLength(asked);
    await pullVector('me/steps', { cache, refresh: true });
    expect(server.requests.length).toBeGreaterThan(asked);
  });

  it('keeps nothing that is no vector', async () => {
    server.add('me/steps', { 'a.safetensors': { bytes: someBytes(5000), lfs: true } });
    await expect(pullVector('me/steps', { cache })).rejects.toThrow(InvalidFileError);
    const left = await readdir(join(cache, 'vectors'), { recursive: true });
    expect(left.filter((path) => path.includes('safetensors'))).toEqual([]);
  });

  it('refuses a repository that is not there, and a name that is none', async () => {
    await expect(pullVector('me/nothing', { cache })).rejects.toThrow(ModelNotFoundError);
    await expect(pullVector('steps', { cache })).rejects.toThrow(/no hub id/);
  });
});

describe('pullModelOrVector', () => {
  it('tells a model from a vector, and a vector in the cache needs no hub', async () => {
    server.add('me/steps', { 'a.safetensors': { bytes, lfs: true } });
    server.add('me/model', {
      'model.gguf': { bytes: Buffer.concat([Buffer.from('GGUF'), someBytes(500)]), lfs: true },
    });
    expect((await pullModelOrVector('me/model', { cache })).kind).toBe('model');
    expect((await pullModelOrVector('me/steps', { cache })).kind).toBe('vector');
    vi.stubEnv('HF_HUB_OFFLINE', '1');
    expect((await pullModelOrVector('me/steps', { cache })).kind).toBe('vector');
  });

  it('says of a repository with neither what a model would need', async () => {
    server.add('me/text', { 'README.md': { bytes: Buffer.from('hello') } });
    await expect(pullModelOrVector('me/text', { cache })).rejects.toThrow(/holds no model that can be read/);
  });
});

describe('vectorCard', () => {
  it('tells model, recipe, coefficients, statistics and use', () => {
    const card = vectorCard(stepwise, 'stepwise.safetensors', 'me/steps');
    expect(card).toMatch(/^---\nlicense: mit\nlibrary_name: kvsteer\n/);
    expect(card).toContain(`| weights | SHA-256 ${stepwise.model.fingerprint} |`);
    expect(card).toContain('| recommended coefficients | values × 0.7, keys × 0 |');
    expect(card).toMatch(
      /\| position artefact \| 100\.0 % of the squared norm of post-RoPE keys is position alone/,
    );
    expect(card).toContain('kvsteer run --model tiny --vector me/steps:stepwise.safetensors ');
  });

  it('is not broken by what a maker wrote into the vector', async () => {
    const hostile = makeVector({
      ...stepwise,
      recipe: 'a | b\n\n# Title <script>alert(1)</script>',
      licence: 'mit\nevil: yes',
      creator: '`x`',
      model: { ...stepwise.model, name: "it's; rm" },
    });
    const card = vectorCard(hostile, 'x.safetensors', 'me/x');
    expect(card).not.toMatch(/^evil|^# Title|<script>/m);
    expect(card).toContain('| recipe | a \\| b # Title \\<script\\>');
    expect(card).toContain(`--model 'it'\\''s; rm' `);
    await mkdir(folder, { recursive: true });
    const path = join(folder, 'x.safetensors');
    await saveVector(hostile, path);
    expect((await readFile(path)).length).toBeGreaterThan(0);
  });
});
