/** With processes that are killed: too slow for each time. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { seededRandom } from '../tensor/random.ts';
import { makeTraces } from './make-traces.ts';
import { KEY, startTeacher, sums } from './misbehaving-teacher.test-support.ts';
import { openAiTeacher } from './openai-teacher.ts';

const COUNT = 20;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kvsteer-traces-killed-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function make(baseUrl: string, output: string) {
  const teacher = await openAiTeacher({ baseUrl, model: 'misbehaving', apiKey: KEY, timeoutMs: 150 });
  const styles = ['stepwise', 'causal'] as const;
  return makeTraces(sums(COUNT), { teacher, styles, output, concurrency: 16, backOffMs: 2, tries: 20 });
}

describe('makeTraces', () => {
  it('killed at random points and resumed, ends with the same file, and asks for nothing twice that was recorded', async () => {
    const whole = join(folder, 'whole.jsonl');
    {
      await using calm = await startTeacher();
      await make(calm.url, whole);
    }
    const random = seededRandom(11);
    let left = 0;
    let child: ReturnType<typeof spawn> | undefined;
    await using server = await startTeacher({
      faultRate: 0.1,
      seed: 3,
      onRequest: () => --left === 0 && child?.kill('SIGKILL'),
    });
    const output = join(folder, 'killed.jsonl');
    const script = fileURLToPath(new URL('./make-traces-child.test-support.ts', import.meta.url));
    const recorded = new Set<string>();
    for (let kill = 0; kill < 2; kill++) {
      left = 5 + Math.floor(random() * 25);
      const before = server.seen.length;
      child = spawn(process.execPath, ['--import', 'tsx', script, server.url, output, `${COUNT}`], {
        stdio: 'inherit',
      });
      expect(await once(child, 'exit')).toEqual([null, 'SIGKILL']);
      for (const { id } of server.seen.slice(before)) expect(recorded).not.toContain(id);
      const journal = await readFile(`${output}.journal`, 'utf8');
      for (const [, id] of journal.matchAll(/^\{"got".*"model":"misbehaving-([0-9a-f]+)".*\}$/gm))
        recorded.add(id!);
    }
    expect(recorded.size).toBeGreaterThan(4);
    const before = server.seen.length;
    await make(server.url, output);
    for (const { id } of server.seen.slice(before)) expect(recorded).not.toContain(id);
    expect(await readFile(output, 'utf8')).toBe(await readFile(whole, 'utf8'));
  });
});
