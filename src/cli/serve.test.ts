import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inProcess } from './kvsteer.test-support.ts';
import { runCli } from './run-cli.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kvsteer-serve-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('kvsteer serve', () => {
  it('says where it is and what to try; the signal lets a running answer end, and the exit code is 0', async () => {
    const keys = join(folder, 'keys.txt');
    await writeFile(keys, '# of the test\na-key-of-many-characters\n');
    const stop = new AbortController();
    const streams = [new PassThrough(), new PassThrough()] as const;
    const [stdout, stderr] = streams.map((stream) => stream as unknown as NodeJS.WriteStream);
    const text = { out: '', err: '' };
    streams[0].on('data', (data) => {
      text.out += data;
    });
    streams[1].on('data', (data) => {
      text.err += data;
    });
    const ended = runCli(['serve', '--port', '0', '--api-key-file', keys], {
      stdin: process.stdin,
      stdout: stdout!,
      stderr: stderr!,
      signal: stop.signal,
    });
    await expect.poll(() => text.out, { timeout: 10_000, interval: 10 }).toContain('\nTry: ');
    const url = /served at (\S+)/.exec(text.out)![1]!;
    const body = /-d '(.*)'\n/.exec(text.out)![1]!;
    const response = await fetch(`${url}/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: 'Bearer a-key-of-many-characters' },
      body: JSON.stringify({ ...JSON.parse(body), stream: true, ignore_eos: true, max_tokens: 100 }),
    });
    stop.abort(new Error('SIGTERM'));
    expect(await response.text()).toMatch(/data: \[DONE\]\n\n$/);
    expect(await ended, text.err).toBe(0);
    expect(text.out).toMatch(
      /^tiny is served at http:\/\/127\.0\.0\.1:\d+\/v1 \(vectors: causal, equation, stepwise, strategy\)\n/,
    );
    expect(text.out).toContain('-H "Authorization: Bearer $KVSTEER_API_KEY"');
    const log = text.err
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line));
    expect(log.map(({ msg }) => msg)).toEqual(['listening', 'request', 'closed']);
    expect(log[1]).toMatchObject({ status: 200, completion_tokens: 100, steered: true });
    expect(log[2]).toMatchObject({ ended: 0 });
    expect(text.err).not.toContain('a-key-of-many-characters');
  });

  it('refuses flags that cannot be, before it listens', async () => {
    const empty = join(folder, 'empty.txt');
    await writeFile(empty, '# nothing\n');
    for (const [args, message] of [
      [['--port', '70000'], /whole number from 0 to 65535/],
      [['--api-key-file', empty], /holds no API key/],
      [['--api-key-file', join(folder, 'missing')], /there is no such file/],
      [['--served-name', 'a+b'], /Expected 1 to 128/],
      [['--log-level', 'loud'], /Allowed choices/],
    ] as const) {
      const { code, stdout, stderr } = await inProcess(['serve', ...args]);
      expect(stderr).toMatch(message);
      expect([code, stdout]).toEqual([2, '']);
    }
  });
});
