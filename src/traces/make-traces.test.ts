import { appendFile, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { InvalidArgumentError, InvalidFileError, TeacherError } from '../errors.ts';
import { readItemsFile } from '../pairs/read-pairs-file.ts';
import { type MakeTracesOptions, makeTraces, type TraceProgress } from './make-traces.ts';
import {
  KEY,
  type MisbehavingTeacher,
  type SeenRequest,
  startTeacher,
  sums,
  wrongAttempts,
} from './misbehaving-teacher.test-support.ts';
import { openAiTeacher } from './openai-teacher.ts';
import type { TraceItem } from './trace-item.ts';

const COUNT = 20;
const questions = sums(COUNT);
let folder: string;
let files = 0;
/** What a run without any fault or interruption writes. */
let expected: string;
/** What it asked. */
let asked: readonly SeenRequest[];

const newOutput = () => join(folder, `${files++}.jsonl`);

async function make(
  server: MisbehavingTeacher,
  output: string,
  options: Partial<MakeTracesOptions> & { readonly model?: string; readonly count?: number } = {},
) {
  const { model = 'misbehaving', count = COUNT, ...rest } = options;
  const teacher = await openAiTeacher({ baseUrl: server.url, model, apiKey: KEY, timeoutMs: 150 });
  return makeTraces(questions.slice(0, count), {
    teacher,
    styles: ['stepwise', 'causal'],
    output,
    concurrency: 16,
    backOffMs: 2,
    // Many, as a busy machine can be late with a good answer.
    tries: 20,
    ...rest,
  });
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kvsteer-traces-'));
  await using server = await startTeacher();
  const output = newOutput();
  await make(server, output);
  expected = await readFile(output, 'utf8');
  asked = server.seen;
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** By the server's own rule, not by the code under test. */
const attemptsOf = (question: string, style: 'Stepwise' | 'A') => wrongAttempts(question, style) + 1;
const isKept = ({ question }: { question: string }) =>
  attemptsOf(question, 'Stepwise') <= 3 && attemptsOf(question, 'A') <= 3;

describe('makeTraces', () => {
  it('keeps the questions that have right traces in all styles, in order, as items that pairs are built from', async () => {
    const items = expected
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as TraceItem);
    const right = questions.filter(isKept);
    expect(right.length).toBeGreaterThan(12);
    expect(right.length).toBeLessThan(COUNT);
    expect(items.map(({ id }) => id)).toEqual(right.map(({ id }) => id));
    for (const { question, answer, steps, styles, provenance } of items) {
      const [, a, b] = /has (\d+) pens and buys (\d+)/.exec(question)!.map(Number) as [
        number,
        number,
        number,
      ];
      expect(answer).toBe(`${a + b}`);
      expect(styles.direct).toBe(` The answer is ${a + b}.`);
      expect(steps).toEqual([`Step 1: Ann has ${a} pens.`, `Step 2: She has ${a} + ${b} = ${a + b} pens.`]);
      expect(styles.stepwise).toBe(`${steps.join('\n')}\nThe answer is ${a + b}.`);
      expect(styles.causal).toMatch(new RegExp(`^Because .* pens\\. The answer is ${a + b}\\.$`));
      const { stepwise, causal } = provenance.traces;
      expect(stepwise).toMatchObject({ teacher: 'misbehaving', attempts: attemptsOf(question, 'Stepwise') });
      expect(causal).toMatchObject({ attempts: attemptsOf(question, 'A') });
    }
    expect(
      items.some(({ provenance }) => (provenance.traces.stepwise as { attempts: number }).attempts > 1),
    ).toBe(true);
    const file = newOutput();
    await writeFile(file, expected);
    expect(await readItemsFile(file)).toHaveLength(items.length);
  });

  it('ends with the same file whatever fails', async () => {
    await using server = await startTeacher({ faultRate: 0.4, seed: 1 });
    const output = newOutput();
    const events: TraceProgress[] = [];
    const summary = await make(server, output, { onProgress: (event) => events.push(event) });
    expect(await readFile(output, 'utf8')).toBe(expected);
    const kept = questions.filter(isKept).length;
    expect(summary).toMatchObject({ total: COUNT, kept, wrong: COUNT - kept, failed: 0, left: 0, output });
    expect(summary.dropped.map(({ id }) => id)).toEqual(
      questions.filter((q) => !isKept(q)).map(({ id }) => id),
    );
    expect(new Set(server.seen.map(({ fault }) => fault)).size).toBe(8);
    expect(events.at(-1)).toMatchObject({ done: COUNT, total: COUNT, kept });
    expect(events.some(({ retry }) => retry?.includes('did not finish its answer in 0.15 s'))).toBe(true);
    const right = server.seen.filter(({ fault }) => fault === null);
    expect(summary.answers.recorded).toBe(0);
    expect(summary.answers.asked).toBeLessThanOrEqual(right.length);
    // What never arrived is charged at its most, so the server cannot have written more.
    expect(summary.charged).toBeGreaterThanOrEqual(server.written);
  });

  it('asks again in another way, without giving the answer away', () => {
    const again = asked.filter(({ body }) => body.temperature! > 0);
    expect(new Set(again.map(({ body }) => body.temperature))).toEqual(new Set([0.7, 1]));
    for (const { body } of again) {
      const text = body.messages.at(-1)!.content;
      expect(text).toMatch(
        /An earlier attempt (at this question ended in a wrong answer|did not keep to the form|was cut off)/,
      );
      const [, a, b] = /has (\d+) pens and buys (\d+)/.exec(text)!.map(Number) as [number, number, number];
      for (const sum of [a + b, a + b + 1])
        expect(text).not.toMatch(new RegExp(`\\b${sum}\\b(?! pens and| more)`));
    }
  });

  it('keeps quiet as long as the teacher asks, with all requests', async () => {
    let limited = 0;
    await using server = await startTeacher({
      instead: () =>
        limited++ === 0 ? { status: 429, body: {}, headers: { 'retry-after': '0.2' } } : undefined,
    });
    await make(server, newOutput(), { concurrency: 2, count: 3 });
    const [first, second, third] = server.seen.map(({ at }) => at);
    expect(third! - first!).toBeGreaterThanOrEqual(195);
    expect(second! - first!).toBeLessThan(150);
  });

  it('never spends more than the cap, says what is left, and goes on with a higher one', async () => {
    await using server = await startTeacher({ faultRate: 0.3, seed: 5 });
    const output = newOutput();
    const cap = 15_000;
    const first = await make(server, output, { maxTotalTokens: cap, maxTokens: 200 });
    expect(server.written).toBeLessThanOrEqual(cap);
    expect(first.charged).toBeLessThanOrEqual(cap);
    expect(first.left).toBeGreaterThan(0);
    expect(first.kept + first.wrong + first.left).toBe(COUNT);
    const before = server.seen.length;
    const same = await make(server, output, { maxTotalTokens: cap, maxTokens: 200 });
    expect(server.seen.length).toBe(before);
    expect(same.left).toBe(first.left);
    const rest = await make(server, output, { maxTokens: 200 });
    expect(rest).toMatchObject({ left: 0, answers: { recorded: expect.any(Number) } });
    const withoutPrompts = (text: string) =>
      text.replaceAll(/"prompt":"[0-9a-f]+"|misbehaving-[0-9a-f]+|"tokens":\{[^}]*\}/g, '');
    expect(withoutPrompts(await readFile(output, 'utf8'))).toBe(withoutPrompts(expected));
  });

  it('goes on after a torn last line, and asks only for what it lost', async () => {
    await using server = await startTeacher();
    const output = newOutput();
    await make(server, output);
    const journal = `${output}.journal`;
    const text = await readFile(journal, 'utf8');
    const last = text.lastIndexOf('{"got"');
    await truncate(journal, Buffer.byteLength(text.slice(0, last)) + 30);
    const before = server.seen.length;
    await make(server, output);
    expect(await readFile(output, 'utf8')).toBe(expected);
    expect(server.seen.length - before).toBe(1);
  });

  it('counts questions that are never answered as failed, and asks for them again', async () => {
    await using server = await startTeacher({
      instead: ({ messages }) =>
        server.seen.length < 400 && messages[1]!.content.includes('Ann has 10 pens')
          ? { status: 400, body: { error: { message: 'Not about pens.' } } }
          : undefined,
    });
    const output = newOutput();
    const summary = await make(server, output);
    expect(summary).toMatchObject({
      failed: 1,
      dropped: expect.arrayContaining([expect.objectContaining({ id: 'sum-7', why: 'failed' })]),
    });
    expect(expected).toContain('"sum-7"');
    server.seen.length = 400;
    await make(server, output);
    expect(await readFile(output, 'utf8')).toBe(expected);
    expect(server.seen.length).toBeLessThan(400 + 7);
  });

  it('gives up a teacher that answers nobody, and names what it said, but never the key', async () => {
    await using server = await startTeacher({
      instead: () => ({ status: 503, body: { error: { message: 'Down.' } } }),
    });
    const down = await make(server, newOutput(), { tries: 2 }).catch((error: unknown) => error);
    expect(down).toMatchObject({
      kind: 'fatal',
      status: 503,
      message: expect.stringContaining('10 questions in a row'),
    });
    await using closed = await startTeacher({
      instead: () => ({ status: 401, body: { error: { message: `Bad key ${KEY}` } } }),
    });
    const output = newOutput();
    const refused = await make(closed, output, { concurrency: 1 }).catch(
      (error: unknown) => error as TeacherError,
    );
    expect(refused).toBeInstanceOf(TeacherError);
    expect((refused as TeacherError).message).toContain('Bad key [key]');
    expect(closed.seen).toHaveLength(1);
    expect(closed.seen[0]!.headers.authorization).toBe(`Bearer ${KEY}`);
    for (const file of await readdir(folder)) {
      expect(await readFile(join(folder, file), 'utf8')).not.toContain(KEY);
    }
  });

  it('stops when it is told to, with its reason, and goes on later', async () => {
    const stop = new AbortController();
    await using server = await startTeacher({
      onRequest: () => server.seen.length === 20 && stop.abort(new Error('enough')),
    });
    const output = newOutput();
    await expect(make(server, output, { signal: stop.signal })).rejects.toThrow('enough');
    await expect(readFile(output)).rejects.toThrow();
    const { answers } = await make(server, output);
    expect(answers.recorded).toBeGreaterThan(0);
    expect(await readFile(output, 'utf8')).toBe(expected);
  });

  it('refuses a journal of another run, and one that is none', async () => {
    await using server = await startTeacher();
    const output = newOutput();
    await make(server, output);
    for (const other of [{ styles: ['stepwise'] }, { model: 'other' }, { maxTokens: 99 }] as const) {
      await expect(make(server, output, other)).rejects.toThrow(
        /is of another run. Expected: .* Found: misbehaving at http/,
      );
    }
    await appendFile(`${output}.journal`, '{"got":1}\n');
    await expect(make(server, output)).rejects.toThrow(InvalidFileError);
    const wrong = { concurrency: 0, attempts: 1.5, maxTotalTokens: Number.NaN, styles: [] };
    for (const [name, value] of Object.entries(wrong)) {
      await expect(make(server, newOutput(), { [name]: value })).rejects.toThrow(InvalidArgumentError);
    }
  });
});
