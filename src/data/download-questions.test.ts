/** Question sets over HTTP: a hub on this machine, and plain addresses. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { DataNotFoundError, DownloadError, InvalidFileError } from '../errors.ts';
import { answerBytes, cutAfter, HubServer } from '../models/hub-server.fixture.ts';
import { loadQuestions } from './load-questions.ts';

const parquet = await readFile(fileURLToPath(new URL('./fixtures/gsm8k.parquet', import.meta.url)));
const labelled = await readFile(fileURLToPath(new URL('./fixtures/labelled-zstd.parquet', import.meta.url)));

let server: HubServer;
let cache: string;
beforeEach(async () => {
  server = await new HubServer().start();
  cache = await mkdtemp(join(tmpdir(), 'kvsteer-data-'));
  vi.stubEnv('HF_ENDPOINT', server.url);
  vi.stubEnv('HF_TOKEN', 'hf_secret');
  vi.stubEnv('HF_HUB_OFFLINE', '');
  vi.stubEnv('KVSTEER_DATA', '');
  server.add('openai/gsm8k', {
    'README.md': { bytes: Buffer.from('# GSM8K') },
    'main/test-00000-of-00001.parquet': { bytes: parquet, lfs: true },
    'main/train-00000-of-00001.parquet': { bytes: Buffer.from('not fetched'), lfs: true },
  });
  server.add('allenai/ai2_arc', {
    'ARC-Challenge/test-00000-of-00001.parquet': { bytes: labelled, lfs: true },
  });
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await server[Symbol.asyncDispose]();
  await rm(cache, { recursive: true, force: true });
});

it('reads one part of a data set of the hub, once', async () => {
  const phases = new Set<string>();
  const { questions, report } = await loadQuestions('openai/gsm8k:main/test', {
    cache,
    onProgress: ({ phase }) => phases.add(phase),
  });
  expect(questions.map(({ id, answer, source }) => [id, answer, source])).toEqual([
    ['gsm8k-0', '72', 'openai/gsm8k'],
    ['gsm8k-1', '10', 'openai/gsm8k'],
    ['gsm8k-2', '5', 'openai/gsm8k'],
    ['gsm8k-3', '42', 'openai/gsm8k'],
  ]);
  expect(report.layouts).toEqual({ gsm8k: 4 });
  expect([...phases].sort()).toEqual(['download', 'read', 'verify']);
  expect(server.requests.map(({ url }) => url)).toContain('/api/datasets/openai/gsm8k/revision/main');
  expect(server.bodyRequests().map(({ url }) => url)).toEqual([
    `/cdn/datasets/openai/gsm8k/resolve/${server.commit}/main/test-00000-of-00001.parquet`,
  ]);
  const asked = server.requests.length;
  expect((await loadQuestions('openai/gsm8k:main/test', { cache })).questions).toEqual(questions);
  expect(server.requests.length).toBe(asked);
  await loadQuestions('openai/gsm8k:main/test', { cache, refresh: true });
  expect(server.requests.length).toBeGreaterThan(asked);
});

it('knows sets by name', async () => {
  const gsm8k = await loadQuestions('gsm8k:test', { cache });
  expect(gsm8k.name).toBe('gsm8k:test');
  expect(gsm8k.questions[0]).toMatchObject({ id: 'gsm8k-test-0', licence: 'MIT', answer: '72' });
  const arc = await loadQuestions('arc-challenge:test', { cache });
  expect(arc.questions.map(({ id, answer }) => [id, answer])).toEqual([
    ['m1', 'B'],
    ['m2', 'D'],
  ]);
});

it('says what a data set has, and that there is none', async () => {
  const failure = (source: string) => loadQuestions(source, { cache }).catch((error) => error);
  const part = await failure('openai/gsm8k:socratic/test');
  expect(part).toBeInstanceOf(DataNotFoundError);
  expect(part.message).toContain('It has main/test, main/train.');
  const repo = await failure('nobody/nothing:test');
  expect(repo).toBeInstanceOf(DataNotFoundError);
  expect(repo.message).toContain('no data set nobody/nothing');
  vi.stubEnv('HF_HUB_OFFLINE', '1');
  const known = await failure('csqa:validation');
  expect(known).toBeInstanceOf(DownloadError);
  expect(known.message).toMatch(/HF_HUB_OFFLINE[\s\S]*csqa_validation\.jsonl into a folder/);
});

it('reads an address once, and goes on after a cut', async () => {
  server.add('some/files', { 'rows.parquet': { bytes: parquet } });
  const url = `${server.url}/some/files/resolve/main/rows.parquet`;
  server.intercepts.push(cutAfter(parquet, 1500, '"x"'));
  const { questions } = await loadQuestions(`${url}?token=secret`, { cache });
  expect(questions[0]).toMatchObject({ id: 'rows-0', answer: '72', source: url });
  // No token of the hub's to an address.
  expect(server.requests.every(({ authorization }) => authorization === undefined)).toBe(true);
  const asked = server.requests.length;
  await loadQuestions(`${url}?token=secret`, { cache });
  expect(server.requests.length).toBe(asked);
});

it('does not keep a page that is no file of rows', async () => {
  server.add('some/files', { 'rows.jsonl': { bytes: Buffer.from('{"question":"Q?","answer":"7"}\n') } });
  const url = `${server.url}/some/files/resolve/main/rows.jsonl`;
  server.intercepts.push(answerBytes(Buffer.from('<html>Sign in</html>')));
  await expect(loadQuestions(url, { cache })).rejects.toBeInstanceOf(InvalidFileError);
  expect((await loadQuestions(url, { cache })).questions[0]!.answer).toBe('7');
  await expect(loadQuestions(`${url}x`, { cache })).rejects.toBeInstanceOf(DownloadError);
  const left = await readdir(cache, { recursive: true });
  expect(left.filter((name) => /\.(part|lock)/.test(name))).toEqual([]);
});
