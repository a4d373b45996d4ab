import { basename, join, resolve } from 'node:path';
import { z } from 'zod';
import { InvalidFileError } from '../errors.ts';
import { readRun } from '../evaluate/run-folder.ts';
import { summarise } from '../evaluate/summarise.ts';
import { answerSchema, configSchema, summarySchema } from '../sweep/run-schema.ts';
import { readSources } from '../sweep/run-sources.ts';
import type { ReportRun } from './report-run.ts';

/**
 * A run's folder for the report, finished or not: of one that is not, the figures are over the answers so far.
 *
 * @throws InvalidFileError where it is no run, or a file of it is damaged: everything is checked, as runs get shared.
 */
export async function readReportRun(folder: string): Promise<ReportRun> {
  const stored = await readRun(folder);
  const read = <T>(schema: z.ZodType<T>, value: unknown, file: string): T => {
    const parsed = schema.safeParse(value);
    if (parsed.success) return parsed.data;
    const [issue] = parsed.error.issues;
    throw new InvalidFileError(
      join(folder, file),
      `${issue?.path.join('.') || 'content'}: ${issue?.message}. The file is damaged, or of another version of kvsteer.`,
      { cause: parsed.error },
    );
  };
  const config = read(configSchema, stored.config, 'config.json');
  const answers = read(z.array(answerSchema), stored.answers, 'answers.jsonl');
  const isFinished = stored.summary !== null;
  const summary = isFinished
    ? read(summarySchema, stored.summary, 'summary.json')
    : summarise(config, answers);
  const { questions, vectors } = await readSources(folder);
  return {
    name: basename(resolve(folder)),
    config,
    summary,
    answers,
    isFinished,
    questions,
    vectors: [...vectors].map(([name, vector]) => ({ name: `vector ${name.slice(0, 8)}`, vector })),
  };
}
