import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readProblems } from './problems.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kvsteer-problems-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function read(...lines: string[]) {
  const path = join(folder, 'problems.jsonl');
  await writeFile(path, lines.join('\n'));
  return readProblems(path, { most: 3 });
}

it('reads numbers however they are written, and no more than wanted', async () => {
  const lines = ['"18"', '18', '"1,250.5"', '"not read"'].map(
    (answer) => `{"question":"Q?","answer":${answer}}`,
  );
  expect((await read(...lines)).map(({ answer }) => answer)).toEqual([18, 18, 1250.5]);
});

it('names the line that is not a problem', async () => {
  await expect(read('{"question":"Q?","answer":1}', '{"question":"Q?","answer":"many"}')).rejects.toThrow(
    'line 2: ',
  );
  await expect(read('{"question":" ","answer":1}')).rejects.toThrow('line 1: ');
  await expect(read('7')).rejects.toThrow('line 1: ');
});
