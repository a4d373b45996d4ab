import { spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DownloadError } from '../errors.ts';
import { downloadFile } from './download.ts';
import { HttpStatusError } from './http.ts';
import {
  answerBytes,
  answerStatus,
  cutAfter,
  digest,
  gitOid,
  HubServer,
  someBytes,
  stallAfter,
} from './hub-server.fixture.ts';
import { partPath, readPart } from './part-file.ts';
import type { ModelProgress } from './progress.ts';

const bytes = someBytes(300_000);
const sha256 = digest('sha256', bytes);
const etag = `"${sha256}"`;
const quick = { retryDelayMs: 1 };

let server: HubServer;
let folder: string;
let target: string;
let url: string;

beforeEach(async () => {
  server = await new HubServer().start();
  server.add('owner/name', { 'model.gguf': { bytes, lfs: true } });
  folder = await mkdtemp(join(tmpdir(), 'kvsteer-test-'));
  target = join(folder, 'sub', 'model.gguf');
  url = `${server.url}/owner/name/resolve/main/model.gguf`;
});

afterEach(async () => {
  await server[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const left = () => readdir(join(folder, 'sub'));
const failure = async (promise: Promise<unknown>) =>
  promise.then(
    () => null,
    (error: unknown) => error,
  );

describe('downloadFile', () => {
  it('downloads, checks, reports progress and leaves only the file', async () => {
    const events: ModelProgress[] = [];
    await downloadFile(url, target, {
      sha256,
      size: bytes.length,
      onProgress: (event) => events.push(event),
    });
    expect((await readFile(target)).equals(bytes)).toBe(true);
    expect(await left()).toEqual(['model.gguf']);
    const last = { file: 'model.gguf', receivedBytes: bytes.length, totalBytes: bytes.length };
    expect(events.filter(({ phase }) => phase === 'download').at(-1)).toEqual({ ...last, phase: 'download' });
    expect(events.at(-1)).toEqual({ ...last, phase: 'verify' });
  });

  it('goes on after cut connections, asking only for what is missing', async () => {
    server.intercepts.push(cutAfter(bytes, 100_000, etag), cutAfter(bytes, 50_000, etag));
    await downloadFile(url, target, { ...quick, sha256 });
    expect((await readFile(target)).equals(bytes)).toBe(true);
    expect(server.bodyRequests().map(({ range }) => range)).toEqual([
      undefined,
      'bytes=100000-',
      'bytes=150000-',
    ]);
  });

  it('goes on from what an earlier call left', async () => {
    server.intercepts.push(cutAfter(bytes, 120_000, etag));
    expect(await failure(downloadFile(url, target, { ...quick, retries: 0 }))).toBeInstanceOf(DownloadError);
    expect(await readPart(target)).toMatchObject({ bytes: 120_000, etag, size: bytes.length });
    await downloadFile(url, target);
    expect(server.bodyRequests().at(-1)?.range).toBe('bytes=120000-');
    expect((await readFile(target)).equals(bytes)).toBe(true);
  });

  it('starts anew where the server ignores Range', async () => {
    server.intercepts.push(cutAfter(bytes, 120_000, etag));
    server.ignoreRange = true;
    await downloadFile(url, target, quick);
    expect((await readFile(target)).equals(bytes)).toBe(true);
  });

  it('starts anew where the file changed, longer or shorter', async () => {
    for (const length of [310_000, 100_000]) {
      server.intercepts.push(cutAfter(bytes, 120_000, etag));
      await failure(downloadFile(url, target, { retries: 0 }));
      const changed = someBytes(length, 7);
      server.add('owner/name', { 'model.gguf': { bytes: changed, lfs: true } });
      await downloadFile(url, target, quick);
      expect((await readFile(target)).equals(changed)).toBe(true);
    }
  });

  it('starts anew once where two halves of different files were joined', async () => {
    const other = someBytes(bytes.length, 9);
    // A server that gives no tag: only the digest at the end can tell.
    server.intercepts.push(cutAfter(other, 120_000, ''));
    await downloadFile(url, target, { ...quick, sha256 });
    expect((await readFile(target)).equals(bytes)).toBe(true);
  });

  it('uses a part that was complete when its process was killed', async () => {
    await downloadFile(url, join(folder, 'sub', 'other'), { sha256 });
    await writeFile(partPath(target), bytes);
    const note = { version: 1, etag, linkedEtag: null, size: bytes.length };
    await writeFile(`${partPath(target)}.json`, JSON.stringify(note));
    const before = server.requests.length;
    await downloadFile(url, target, { sha256 });
    expect(server.requests.length).toBe(before);
    expect((await left()).sort()).toEqual(['model.gguf', 'other']);
  });

  it('drops a part whose note is missing or damaged', async () => {
    for (const note of [null, '{"version":1', '{"version":2,"etag":null,"linkedEtag":null,"size":null}']) {
      await rm(target, { force: true });
      await failure(downloadFile(`${url}.absent`, target));
      await writeFile(partPath(target), 'something else');
      if (note !== null) await writeFile(`${partPath(target)}.json`, note);
      await downloadFile(url, target);
      expect((await readFile(target)).equals(bytes)).toBe(true);
    }
  });

  it('tries again after 500 and 429, honouring Retry-After', async () => {
    server.intercepts.push(answerStatus(500), answerStatus(429, { 'Retry-After': '0.05' }));
    await downloadFile(url, target, { ...quick, sha256 });
    expect(server.bodyRequests()).toHaveLength(3);
  });

  it('gives up after the allowed tries', async () => {
    server.intercepts.push(...Array.from({ length: 9 }, () => answerStatus(503)));
    const error = await failure(downloadFile(url, target, { ...quick, retries: 2 }));
    expect(error).toBeInstanceOf(DownloadError);
    expect((error as Error).message).toMatch(/tried 3 times.*HTTP 503/);
    expect((error as Error).message).not.toContain('secret');
    expect(server.bodyRequests()).toHaveLength(3);
  });

  it.each([401, 403, 404])('takes %i as final', async (status) => {
    server.intercepts.push(answerStatus(status));
    const error = (await failure(downloadFile(url, target, quick))) as DownloadError;
    expect(error).toBeInstanceOf(DownloadError);
    expect(error.causes[0]).toBeInstanceOf(HttpStatusError);
    expect((error.causes[0] as HttpStatusError).status).toBe(status);
    expect(server.bodyRequests()).toHaveLength(1);
    expect(await left()).toEqual([]);
  });

  it('refuses wrong bytes and keeps none of them, nor touches the file before', async () => {
    await failure(downloadFile(`${url}.absent`, target));
    await writeFile(target, 'before');
    server.intercepts.push(answerBytes(someBytes(bytes.length, 3)));
    const error = await failure(downloadFile(url, target, { ...quick, sha256 }));
    expect((error as Error).message).toMatch(/served other bytes.*expected sha256/);
    expect(await left()).toEqual(['model.gguf']);
    expect(await readFile(target, 'utf8')).toBe('before');
  });

  it('refuses before the body where the declared digest or size is another', async () => {
    const wrong = await failure(downloadFile(url, target, { sha256: 'ab'.repeat(32) }));
    expect((wrong as Error).message).toContain('server declares');
    const size = await failure(downloadFile(url, target, { size: 5 }));
    expect((size as Error).message).toContain('expected 5 bytes');
    const large = await failure(downloadFile(url, target, { maxBytes: 1000 }));
    expect((large as Error).message).toContain('more than the 1000 allowed');
    expect(await left()).toEqual([]);
  });

  it('stops a body that grows past what is allowed', async () => {
    server.intercepts.push((_request, response) => {
      response.writeHead(200);
      response.end(bytes);
      return true;
    });
    server.add('owner/name', { 'model.gguf': { bytes } });
    const error = await failure(downloadFile(url, target, { maxBytes: 1000 }));
    expect((error as Error).message).toContain('more than the 1000 bytes');
    expect(await left()).toEqual([]);
  });

  it('checks the git object id of a plain file', async () => {
    server.add('owner/name', { 'config.json': { bytes } });
    const plain = `${server.url}/owner/name/resolve/main/config.json`;
    await downloadFile(plain, target, { gitOid: gitOid(bytes) });
    await rm(target);
    const error = await failure(downloadFile(plain, target, { gitOid: 'ab'.repeat(20) }));
    expect((error as Error).message).toContain('expected git object');
  });

  it('takes a silent connection for a cut one', async () => {
    server.intercepts.push(stallAfter(bytes, 60_000, etag));
    await downloadFile(url, target, { ...quick, sha256, idleTimeoutMs: 200 });
    expect(server.bodyRequests().at(-1)?.range).toMatch(/^bytes=\d+-$/);
    expect((await readFile(target)).equals(bytes)).toBe(true);
  });

  it('aborts with the given reason, keeps the part and lets go of the lock', async () => {
    server.intercepts.push(stallAfter(bytes, 60_000, etag));
    const controller = new AbortController();
    const reason = new Error('enough');
    const onProgress = () => setTimeout(() => controller.abort(reason), 50);
    expect(await failure(downloadFile(url, target, { signal: controller.signal, onProgress }))).toBe(reason);
    expect((await left()).sort()).toEqual(['model.gguf.part', 'model.gguf.part.json']);
    await downloadFile(url, target, { sha256 });
    expect(await left()).toEqual(['model.gguf']);
  });

  it('aborts between tries', async () => {
    server.intercepts.push(answerStatus(503));
    const started = Date.now();
    const error = await failure(
      downloadFile(url, target, { signal: AbortSignal.timeout(100), retryDelayMs: 20_000 }),
    );
    expect((error as Error).name).toBe('TimeoutError');
    expect(Date.now() - started).toBeLessThan(5_000);
  });

  it('keeps a file that is as expected, without asking', async () => {
    await downloadFile(url, target, { sha256 });
    const before = server.requests.length;
    await downloadFile(url, target, { sha256 });
    expect(server.requests.length).toBe(before);
  });

  it('downloads once for calls at the same time', async () => {
    const calls = Array.from({ length: 4 }, () => downloadFile(url, target, { sha256 }));
    await Promise.all(calls);
    expect(server.bodyRequests()).toHaveLength(1);
    expect(await left()).toEqual(['model.gguf']);
  });

  it('downloads once for two processes at the same time', async () => {
    const module = fileURLToPath(new URL('./download.ts', import.meta.url));
    const script = `import(${JSON.stringify(module)}).then((m) => m.downloadFile(${JSON.stringify(url)}, ${JSON.stringify(target)}, { sha256: '${sha256}' }))`;
    const run = () =>
      new Promise<number | null>((resolve) => {
        const child = spawn(process.execPath, ['--import', 'tsx', '-e', script], { stdio: 'inherit' });
        child.once('close', resolve);
      });
    expect(await Promise.all([run(), run()])).toEqual([0, 0]);
    expect(server.bodyRequests()).toHaveLength(1);
    expect((await readFile(target)).equals(bytes)).toBe(true);
    expect(await left()).toEqual(['model.gguf']);
  }, 30_000);

  it('takes over the lock of a dead process, and of a machine long silent', async () => {
    await failure(downloadFile(`${url}.absent`, target));
    const lock = `${target}.lock`;
    await writeFile(lock, JSON.stringify({ pid: 2 ** 22 + 1, host: hostname(), id: 'x' }));
    await downloadFile(url, target);
    await writeFile(lock, JSON.stringify({ pid: 1, host: 'elsewhere', id: 'x' }));
    const longAgo = new Date(Date.now() - 120_000);
    await utimes(lock, longAgo, longAgo);
    await downloadFile(url, target);
    expect(await left()).toEqual(['model.gguf']);
  });

  it('waits for a live holder until aborted', async () => {
    await failure(downloadFile(`${url}.absent`, target));
    await writeFile(`${target}.lock`, JSON.stringify({ pid: process.ppid, host: hostname(), id: 'x' }));
    const error = await failure(downloadFile(url, target, { signal: AbortSignal.timeout(300) }));
    expect((error as Error).name).toBe('TimeoutError');
    expect(await left()).toEqual(['model.gguf.lock']);
  });

  it('sends the login to its own origin only', async () => {
    await using other = await new HubServer().start();
    other.add('owner/name', { 'model.gguf': { bytes } });
    server.add('owner/name', { 'model.gguf': { bytes } });
    const elsewhere = `${other.url}/owner/name/resolve/main/model.gguf`;
    server.intercepts.push((_request, response) => {
      response.writeHead(302, { Location: elsewhere }).end();
      return true;
    });
    await downloadFile(url, target, { headers: { Authorization: 'Bearer hf_x' } });
    expect(server.requests[0]?.authorization).toBe('Bearer hf_x');
    expect(other.requests[0]?.authorization).toBeUndefined();
  });

  it('says so where nobody answers', async () => {
    await server[Symbol.asyncDispose]();
    const error = await failure(downloadFile(url, target, quick));
    expect((error as Error).message).toContain('ECONNREFUSED');
    server = await new HubServer().start();
  });
});
