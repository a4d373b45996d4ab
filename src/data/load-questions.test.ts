import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { DataNotFoundError, InvalidArgumentError, InvalidFileError } from '../errors.ts';
import { type DataProgress, loadQuestions } from './load-questions.ts';
import { removeOverlap } from './overlap.ts';
import { saveQuestions } from './save-questions.ts';

const fixture = (name: string) => fileURLToPath(new URL(`./fixtures/${name}`, import.meta.url));

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kvsteer-data-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function file(name: string, lines: readonly string[]): Promise<string> {
  const path = join(folder, name);
  await mkdir(join(path, '..'), { recursive: true });
  await writeFile(path, lines.join('\n'));
  return path;
}

const row = (question: string, more: object = {}) => JSON.stringify({ question, answer: '1', ...more });

describe('the slice that comes with the package', () => {
  it('is the head of both splits of GSM8K, worked and disjoint', async () => {
    const train = await loadQuestions('gsm8k-slice:train');
    const test = await loadQuestions('gsm8k-slice:test');
    for (const { questions, report } of [train, test]) {
      expect(questions).toHaveLength(64);
      expect([report.malformed.count, report.duplicates.count, report.complete]).toEqual([0, 0, true]);
      for (const { answer, rationale, licence } of questions) {
        expect(answer).toMatch(/^-?\d+$/);
        expect(rationale!.length).toBeGreaterThan(0);
        expect(rationale!.join('')).not.toMatch(/<<|####/);
        expect(licence).toBe('MIT');
      }
    }
    // The published answers of the first questions.
    expect(train.questions.slice(0, 4).map(({ answer }) => answer)).toEqual(['72', '10', '5', '42']);
    expect(test.questions.slice(0, 4).map(({ answer }) => answer)).toEqual(['18', '3', '70000', '540']);
    expect(removeOverlap(train.questions, test.questions).overlap).toEqual([]);
  });

  it('is what reading the published rows gives', async () => {
    const published = await loadQuestions(fixture('gsm8k.parquet'));
    const slice = await loadQuestions('gsm8k-slice:train', { limit: 4 });
    const parts = published.questions.map(({ question, answer, rationale }) => [question, answer, rationale]);
    expect(slice.questions.map(({ question, answer, rationale }) => [question, answer, rationale])).toEqual(
      parts,
    );
    expect(published.report.layouts).toEqual({ gsm8k: 4 });
  });
});

describe('the report', () => {
  it('counts every row: malformed ones with line and reason, and equal texts', async () => {
    const path = await file('a.jsonl', [
      row('One?'),
      'no json',
      '',
      row('Two?', { id: 'two' }),
      row(' '),
      row('ONE'),
      row('Three?', { id: 'two', note: 1 }),
    ]);
    const { questions, report } = await loadQuestions(path);
    expect(questions.map(({ id }) => id)).toEqual(['a-0', 'two', 'a-4', 'two-2']);
    expect(report.rows).toBe(6);
    expect(report.malformed.first.map(({ line }) => line)).toEqual([2, 5]);
    expect(report.malformed.first[1]).toEqual({
      file: path,
      line: 5,
      why: expect.stringContaining('not blank'),
    });
    expect(report.duplicates).toEqual({ count: 1, first: [{ id: 'a-4', of: 'a-0' }] });
    expect(report.fields).toEqual({ question: 5, answer: 5, id: 2, note: 1 });
    expect(report.complete).toBe(true);
  });

  it('keeps the first few of many, counts all, and says so where reading stopped early', async () => {
    const path = await file('b.jsonl', [...Array.from({ length: 50 }, () => '{}'), row('One?'), row('Two?')]);
    const { questions, report } = await loadQuestions(path, { limit: 1 });
    expect([questions.length, report.malformed.count, report.malformed.first.length]).toEqual([1, 50, 8]);
    expect(report.complete).toBe(false);
    expect((await loadQuestions(path, { limit: 2 })).report.complete).toBe(true);
  });

  it('is of no use where nothing is a question', async () => {
    const path = await file('c.csv', ['text,target', 'a,b']);
    const failure = await loadQuestions(path).catch((error) => error);
    expect(failure).toBeInstanceOf(InvalidFileError);
    expect(failure.message).toMatch(/none of its 1 rows.*line 2: .*fields text, target.*question=problem/);
    expect((await loadQuestions(path, { map: { question: 'text' } })).questions[0]!.answer).toBe('b');
  });
});

describe('folders', () => {
  it('give one part', async () => {
    await file('set/train.jsonl', [row('One?')]);
    await file('set/nested/dev.csv', ['question,answer', 'Two?,2']);
    const set = join(folder, 'set');
    expect((await loadQuestions(`${set}:train`)).questions[0]!.id).toBe('train-0');
    expect((await loadQuestions(`${set}:validation`)).questions[0]!.answer).toBe('2');
    await expect(loadQuestions(set)).rejects.toThrow(/several parts: nested\/validation, train/);
    await expect(loadQuestions(`${set}:test`)).rejects.toBeInstanceOf(DataNotFoundError);
  });

  it('hold known sets, by option and by environment, in any format', async () => {
    const known = join(folder, 'known');
    await file('known/arc_challenge_test.jsonl', [row('One?', { license: 'X' }), row('Two?')]);
    await file('known/piqa_validation.csv', ['goal,sol1,sol2,label', 'Open,push,pull,1']);
    const arc = await loadQuestions('arc-challenge:test', { folder: known });
    expect(arc.questions.map(({ id, source, licence }) => [id, source, licence])).toEqual([
      ['arc-challenge-test-0', 'allenai/ai2_arc', 'X'],
      ['arc-challenge-test-1', 'allenai/ai2_arc', 'CC-BY-SA-4.0'],
    ]);
    vi.stubEnv('KVSTEER_DATA', known);
    expect((await loadQuestions('piqa:validation')).questions[0]).toMatchObject({
      choices: ['push', 'pull'],
      answer: 'B',
    });
    vi.stubEnv('KVSTEER_DATA', join(folder, 'nowhere'));
    await expect(loadQuestions('piqa:validation')).rejects.toThrow(/nowhere is no folder/);
    vi.unstubAllEnvs();
  });
});

describe('mistakes', () => {
  it.each([
    ['gsm8k', /Name a split of gsm8k: gsm8k:train, gsm8k:test/],
    ['gsm8k:dev', /no split "dev"/],
    ['gsm8k-slise:train', /Did you mean gsm8k-slice:train/],
    ['absent/rows.jsonl', /no file or folder absent\/rows.jsonl/],
    ['http://', /not an address/],
  ])('%s', async (source, message) => {
    const failure = await loadQuestions(source).catch((error) => error);
    expect(failure).toBeInstanceOf(DataNotFoundError);
    expect(failure.message).toMatch(message);
  });

  it('in options', async () => {
    for (const limit of [0, 1.5, -1]) {
      await expect(loadQuestions('gsm8k-slice:test', { limit })).rejects.toBeInstanceOf(InvalidArgumentError);
    }
    await expect(loadQuestions('gsm8k-slice:test', { map: { question: '' } })).rejects.toBeInstanceOf(
      InvalidArgumentError,
    );
  });
});

it('tells how far it is, and stops when aborted', async () => {
  const path = await file(
    'long.jsonl',
    Array.from({ length: 2500 }, (_, i) => row(`Question ${i}?`)),
  );
  const events: DataProgress[] = [];
  await loadQuestions(path, { onProgress: (event) => events.push(event) });
  expect(events).toEqual([1000, 2000, 2500].map((rows) => ({ phase: 'read', file: path, rows })));
  const controller = new AbortController();
  const onProgress = () => controller.abort(new Error('enough'));
  await expect(loadQuestions(path, { onProgress, signal: controller.signal })).rejects.toThrow('enough');
});

describe('saveQuestions', () => {
  it('writes what reads back the same, and nothing beside it', async () => {
    const { questions } = await loadQuestions('gsm8k-slice:test', { limit: 5 });
    const path = join(folder, 'out', 'saved.jsonl');
    await saveQuestions(questions, path);
    expect((await loadQuestions(path)).questions).toEqual(questions);
    expect(await readdir(join(folder, 'out'))).toEqual(['saved.jsonl']);
    expect(Object.keys(JSON.parse((await readFile(path, 'utf8')).split('\n')[0]!))).toContain('license');
    await expect(saveQuestions(questions, join(path, 'below'))).rejects.toBeInstanceOf(InvalidFileError);
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(saveQuestions(questions, join(folder, 'out', 'b.jsonl'), { signal })).rejects.toThrow(
      'enough',
    );
    expect(await readdir(join(folder, 'out'))).toEqual(['saved.jsonl']);
  });
});
