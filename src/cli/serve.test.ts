import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inProcess, kvsteer } from './kvsteer.test-support.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kvsteer-serve-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('kvsteer serve', () => {
  it('says where it is and what to try; SIGTERM lets a running answer end, and the exit code is 0', async () => {
    const keys = join(folder, 'keys.txt');
    await writeFile(keys, '# of the test\na-key-of-many-characters\n');
    let answer: Promise<string> | undefined;
    const { code, stdout, stderr } = await kvsteer(['serve', '--port', '0', '--api-key-file', keys], {
      onOutput: (child, { stdout }) => {
        const url = /served at (\S+)/.exec(stdout)?.[1];
        if (url === undefined || answer !== undefined || !stdout.includes('\nTry: ')) return;
        const body = /-d '(.*)'\n/.exec(stdout)![1]!;
        answer = (async () => {
          const response = await fetch(`${url}/chat/completions`, {
            method: 'POST',
            headers: { 'content-type': 'application/json', authorization: 'Bearer a-key-of-many-characters' },
            body: JSON.stringify({ ...JSON.parse(body), stream: true, ignore_eos: true, max_tokens: 200 }),
          });
          child.kill('SIGTERM');
          return await response.text();
        })();
      },
    });
    expect(await answer).toMatch(/data: \[DONE\]\n\n$/);
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(
      /^tiny is served at http:\/\/127\.0\.0\.1:\d+\/v1 \(vectors: causal, equation, stepwise, strategy\)\n/,
    );
    expect(stdout).toContain('-H "Authorization: Bearer $KVSTEER_API_KEY"');
    const log = stderr
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(log.map(({ msg }) => msg)).toEqual(['listening', 'request', 'closed']);
    expect(log[1]).toMatchObject({ status: 200, completion_tokens: 200, steered: true });
    expect(log[2]).toMatchObject({ ended: 0 });
    expect(stderr).not.toContain('a-key-of-many-characters');
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
