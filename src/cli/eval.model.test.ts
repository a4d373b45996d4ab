/** `kvsteer eval` with all conditions: the bundled model's, but the pairs take seconds to read. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { inProcess } from './kvsteer.test-support.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kvsteer-eval-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

it('asks every condition, keeps the run, and goes on with it', async () => {
  const out = join(folder, 'run');
  const args = [
    'eval',
    '--n',
    '2',
    '--max-tokens',
    '24',
    '--activation',
    '2:1',
    '--draws',
    '2',
    '--solo',
    '1',
    '--out',
    out,
  ];
  const first = await inProcess(args);
  expect(first.code).toBe(0);
  const names = [
    'plain',
    'offset',
    'cot',
    'few-shot',
    'sampled',
    'activation',
    'activation-last',
    'steered',
    'steered+cot',
    'random',
    'shuffled',
    'negative',
  ];
  for (const name of names) expect(first.stdout).toContain(`\n${name} `);
  expect(first.stdout).toContain('tiny:heldout: 2 questions, tiny (fp32)');
  expect(first.stdout).toContain('Holm over 11 comparisons');
  expect(first.stdout.split('\n').every((line) => line.length <= 100)).toBe(true);
  const config = JSON.parse(await readFile(join(out, 'config.json'), 'utf8'));
  expect(Object.keys(config.conditions)).toEqual(names);
  // Labels shuffled and drawn at random: other vectors, with the same coefficient.
  const vectors = ['steered', 'random', 'shuffled'].map((name) => config.conditions[name].edits[0]);
  expect(new Set(vectors.map(({ vector }) => vector)).size).toBe(3);
  expect(vectors.map(({ values }) => values)).toEqual([0.7, 0.7, 0.7]);
  expect(config.conditions.negative.edits[0].values).toBe(-0.7);
  const lines = (await readFile(join(out, 'answers.jsonl'), 'utf8')).trim().split('\n');
  expect(lines).toHaveLength(2 * 13);

  const again = await inProcess([...args, '--json']);
  const { summary: _, ...printed } = JSON.parse(again.stdout);
  expect(printed.config).toEqual(config);
  expect((await readFile(join(out, 'answers.jsonl'), 'utf8')).trim().split('\n')).toEqual(lines);
  const other = await inProcess([...args, '--cot', ' Think.']);
  expect(other.code).toBe(2);
  expect(other.stderr).toContain('conditions.cot.suffix');
});
