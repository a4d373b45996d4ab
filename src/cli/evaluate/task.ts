import type { LoadQuestionsOptions } from '../../data/load-questions.ts';
import type { Question } from '../../data/question.ts';
import { InvalidArgumentError } from '../../errors.ts';
import type { TaskFlags } from '../options/evaluate-options.ts';
import { shippedFile } from '../shipped-file.ts';

export interface Task {
  readonly name: string;
  readonly questions: readonly Question[];
  readonly malformed: number;
}

/** How reading is stopped and shown. */
export type Watched = Pick<LoadQuestionsOptions, 'signal' | 'onProgress'>;

/** The bundled model: what the flags default to with it. */
export const BUNDLED_MODEL = 'tiny';
const SLICE = 'gsm8k-slice:test';

/** @param most questions where `--n` says nothing. @throws what `loadQuestions` throws. */
export async function readTask(
  { task, dataFolder, n }: TaskFlags,
  isBundled: boolean,
  most: number,
  watched: Watched,
): Promise<Task> {
  if (task === undefined && isBundled) return readQuestions('heldout', n ?? 500, undefined, watched);
  return readQuestions(task ?? SLICE, n ?? most, dataFolder, watched);
}

/**
 * Questions to choose settings on, none of which is in the task. Null where the flags name none, and there is none to default to.
 *
 * @throws InvalidArgumentError where nothing is left.
 */
export async function readValidation(
  { task: taskName, validation, validationN, dataFolder }: TaskFlags,
  task: Task,
  isBundled: boolean,
  watched: Watched,
): Promise<Task | null> {
  const source = validation ?? (isBundled && taskName === undefined ? 'validation' : null);
  if (source === null) return null;
  const isShipped = validation === undefined;
  const { removeOverlap } = await import('../../data/overlap.ts');
  const all = await readQuestions(source, undefined, isShipped ? undefined : dataFolder, watched, isShipped);
  const kept = removeOverlap(all.questions, task.questions).train;
  if (kept.length === 0) {
    throw new InvalidArgumentError(
      'validation',
      `--validation: every question of ${source} is in the task too. Settings must be chosen on other questions.`,
    );
  }
  return { ...all, questions: kept.slice(0, validationN) };
}

async function readQuestions(
  source: string,
  limit: number | undefined,
  folder: string | undefined,
  watched: Watched,
  isShipped = source === 'heldout',
): Promise<Task> {
  const { loadQuestions } = await import('../../data/load-questions.ts');
  const from = isShipped ? shippedFile('tiny', 'problems', `${source}.jsonl`) : source;
  const { questions, report } = await loadQuestions(from, {
    ...(limit !== undefined && { limit }),
    ...(folder !== undefined && { folder }),
    ...watched,
  });
  return { name: isShipped ? `tiny:${source}` : source, questions, malformed: report.malformed.count };
}
