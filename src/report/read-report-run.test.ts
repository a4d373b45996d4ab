import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { InvalidFileError } from '../errors.ts';
import { readReportRun } from './read-report-run.ts';
import { sweepRun } from './sample-run.test-support.ts';

describe('readReportRun', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kvsteer-report-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));
  const made = sweepRun(10);

  async function written(name: string, files: Record<string, unknown>): Promise<string> {
    const path = join(folder, name);
    await mkdir(path, { recursive: true });
    for (const [file, content] of Object.entries(files)) {
      const text = typeof content === 'string' ? content : JSON.stringify(content);
      await writeFile(join(path, file), text);
    }
    return path;
  }
  const lines = made.answers.map((answer) => `${JSON.stringify(answer)}\n`).join('');

  it('reads a run, and makes the summary of one that is not finished', async () => {
    const files = { 'config.json': made.config, 'answers.jsonl': lines };
    const question = `${JSON.stringify({ id: 'q000', question: 'How many?' })}\n`;
    const whole = await readReportRun(
      await written('whole', { ...files, 'summary.json': made.summary, 'questions.jsonl': question }),
    );
    const { config, answers, summary, isFinished, questions } = whole;
    expect({ config, answers, summary }).toEqual({
      config: made.config,
      answers: made.answers,
      summary: made.summary,
    });
    expect([isFinished, questions.get('q000')]).toEqual([true, 'How many?']);
    const open = await readReportRun(await written('open', files));
    expect([open.isFinished, open.summary]).toEqual([false, made.summary]);
  });

  it('refuses what is no run and what is damaged, naming the file and the place', async () => {
    await expect(readReportRun(await written('empty', {}))).rejects.toThrow(InvalidFileError);
    const damaged: [string, Record<string, unknown>, RegExp][] = [
      ['config', { 'config.json': { ...made.config, seed: 'x' } }, /config\.json: seed: /],
      [
        'answers',
        { 'answers.jsonl': `${JSON.stringify({ ...made.answers[0], tokens: -1 })}\n` },
        /answers\.jsonl: 0\.tokens/,
      ],
      ['summary', { 'summary.json': { version: 1, conditions: {} } }, /summary\.json: comparisons/],
    ];
    for (const [name, files, message] of damaged) {
      const path = await written(name, { 'config.json': made.config, 'answers.jsonl': lines, ...files });
      await expect(readReportRun(path)).rejects.toThrow(message);
    }
  });
});
