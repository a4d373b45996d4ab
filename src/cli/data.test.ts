import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { inProcess } from './kvsteer.test-support.ts';

let folder: string;
let mine: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kvsteer-cli-data-'));
  mine = join(folder, 'mine.csv');
  // The second is the first question of GSM8K's test split, in other clothes.
  const test = (await readFile('models/data/gsm8k_slice_test.jsonl', 'utf8')).split('\n')[0]!;
  const known = (JSON.parse(test) as { question: string }).question.toUpperCase().replaceAll('"', '');
  await writeFile(
    mine,
    `task,first,second,right\nPick one,x,y,B\n"${known}",1,2,A\nshort\nPick  one!,y,x,A\n`,
  );
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const map = ['--map', 'question=task', '--map', 'choices=first,second', '--map', 'answer=right'];

it('says what a file holds, and writes it without what is in the other set', async () => {
  const output = join(folder, 'mine.jsonl');
  const args = ['data', mine, ...map, '--against', 'gsm8k-slice:test', '--show', '1', '-o', output];
  const { code, stdout, stderr } = await inProcess(args);
  expect([code, stderr]).toEqual([0, '']);
  expect(stdout).toMatch(/questions +3 of 4 rows/);
  expect(stdout).toMatch(/answers +A 2, B 1/);
  expect(stdout).toMatch(/1 row left out: malformed\n {2}line 4: /);
  expect(stdout).toMatch(/1 question with a text that was there before\n {2}mine-3 = mine-0/);
  expect(stdout).toContain('1 question of');
  expect(stdout).toContain('mine-1 = gsm8k-test-0');
  expect(stdout).toContain('  A. x\n  B. y\n  answer: B');
  expect(stdout).toMatch(/mine.jsonl +2 questions, without the 1 in gsm8k-slice:test/);
  const rows = (await readFile(output, 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(rows).toEqual([
    {
      id: 'mine-0',
      question: 'Pick one',
      choices: ['x', 'y'],
      answer: 'B',
      rationale: null,
      source: null,
      license: null,
    },
    {
      id: 'mine-3',
      question: 'Pick  one!',
      choices: ['y', 'x'],
      answer: 'A',
      rationale: null,
      source: null,
      license: null,
    },
  ]);
  const again = await inProcess(args);
  expect([again.code, again.stdout]).toEqual([2, '']);
  expect(again.stderr).toMatch(/exists already.*--overwrite/);
});

it('gives the numbers as JSON', async () => {
  const { stdout } = await inProcess([
    'data',
    'gsm8k-slice:train',
    '--limit',
    '10',
    '--json',
    '--against',
    'gsm8k-slice:test',
  ]);
  const { questions, answers, rationales, report, overlap, written, shown } = JSON.parse(stdout);
  expect([questions, answers, rationales, overlap, written, shown]).toEqual([
    10,
    { number: 10 },
    10,
    [],
    null,
    [],
  ]);
  expect(report).toMatchObject({ rows: 10, complete: false, malformed: { count: 0, first: [] } });
});

it('lists the known sets', async () => {
  const { stdout } = await inProcess(['data']);
  expect(stdout).toMatch(/gsm8k-slice:train +MIT /);
  expect(JSON.parse((await inProcess(['data', '--json'])).stdout)).toContainEqual(
    expect.objectContaining({ name: 'piqa:validation', licence: 'AFL-3.0' }),
  );
});

it.each([
  [['data', 'no-such-set'], /There is no file or folder no-such-set/],
  [['data', 'gsm8k-slice:train', '--map', 'titel=x'], /PART=FIELD, where PART is id, question/],
  [['data', 'gsm8k-slice:train', '--map', 'id=a', '--map', 'id=b'], /mapped twice/],
  [['data', 'gsm8k:test', '--data-folder', '/nowhere/at/all'], /is no folder/],
])('refuses %j', async (args, message) => {
  const { code, stdout, stderr } = await inProcess(args);
  expect(stderr).toMatch(message);
  expect([code, stdout]).toEqual([2, '']);
});

it('documents itself', async () => {
  const { stdout } = await inProcess(['data', '--help']);
  expect(stdout).toContain('Examples:\n  kvsteer data');
  expect(stdout.split('\n').filter((line) => line.length > 100)).toEqual([]);
});
