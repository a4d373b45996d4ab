import type { Question } from '../data/question.ts';
import type { Engine } from '../engine/engine.ts';
import type { AnsweredQuestion } from '../evaluate/ask.ts';
import type { Condition } from '../evaluate/condition.ts';
import { configOf, type EvaluateOptions, evaluate } from '../evaluate/evaluate.ts';
import type { AnswerRecord, RunConfig, RunSummary } from '../evaluate/run.ts';
import { answerKey, RunFolder } from '../evaluate/run-folder.ts';
import { summarise } from '../evaluate/summarise.ts';
import { jobsOf } from './job.ts';
import { submit } from './queue/submit.ts';
import { keepSources } from './run-sources.ts';
import { vectorBlobs } from './vector-blobs.ts';

export interface SweepProgress {
  /** Answers here and wanted. */
  readonly done: number;
  readonly total: number;
  /** Workers at the queue; null in this process, and where it is not known. */
  readonly workers: number | null;
}

export interface SweepOptions
  extends Pick<EvaluateOptions, 'task' | 'scorer' | 'maxTokens' | 'seed' | 'version' | 'tuned' | 'signal'> {
  /** Folder of the run: configuration, answers, summary, and the questions and vectors for the report. */
  readonly out?: string;
  /** Address of a Redis whose workers answer; default: this process does. */
  readonly queue?: string;
  /**
   * With a queue: answers that a job asks for, about, from 1; whole questions. Default 64, which fills a worker's batch;
   * fewer where answers are slow, so that a worker that dies loses less.
   */
  readonly answersPerJob?: number;
  readonly onProgress?: (progress: SweepProgress) => void;
}

export interface Sweep {
  readonly config: RunConfig;
  /** In the order of questions, then conditions. */
  readonly answers: readonly AnswerRecord[];
  readonly summary: RunSummary;
}

/**
 * Answers all questions under every condition of a grid, in this process or by the workers of a queue: the answers are the
 * same. In one process each prompt is prefilled once and forked for every condition. Killed at any point, the same call
 * with the same `out` goes on where it stopped.
 *
 * @param conditions as of `gridConditions`; the first is the baseline.
 * @throws what `evaluate` throws; with a queue also what `submit` throws.
 */
export async function runSweep(
  engine: Engine,
  questions: readonly Question[],
  conditions: Readonly<Record<string, Condition>>,
  options: SweepOptions = {},
): Promise<Sweep> {
  const { queue, onProgress, answersPerJob, ...asked } = options;
  const { out } = asked;
  const answered = questions.filter((question): question is AnsweredQuestion => question.answer !== null);
  if (queue === undefined) {
    const { config, answers, summary } = await evaluate(engine, questions, conditions, {
      ...asked,
      onProgress: ({ phase, done, total }) => {
        if (phase === 'answers') onProgress?.({ done, total, workers: null });
      },
    });
    if (out !== undefined) await keepSources(out, answered, conditions);
    return { config, answers: inOrder(Object.values(answers).flat(), answered, config), summary };
  }

  const config = configOf(engine, questions, answered, conditions, asked);
  await using folder = out === undefined ? null : await RunFolder.open(out, config);
  const answers = new Map((folder?.answers ?? []).map((answer) => [answerKey(answer), answer]));
  const { blobs, index } = vectorBlobs(conditions);
  const total = answered.length * drawsOf(config);
  // A job is done when the folder holds all its answers; one that it holds in part is asked for again.
  const jobs = jobsOf(config, answered, index, answersPerJob).filter(({ questions: asked }) =>
    asked.some(({ id }) => keysOf(id, config).some((key) => !answers.has(key))),
  );
  let workers: number | null = null;
  const tell = () => onProgress?.({ done: answers.size, total, workers });
  tell();
  const follow = submit(jobs, queue, {
    blobs,
    ...(asked.signal && { signal: asked.signal }),
    onProgress: (progress) => {
      if (progress.workers !== null) workers = progress.workers;
      tell();
    },
  });
  for await (const { answers: given } of follow) {
    for (const answer of given) {
      const key = answerKey(answer);
      if (answers.has(key)) continue;
      await folder?.append(answer);
      answers.set(key, answer);
    }
    tell();
  }
  const all = inOrder([...answers.values()], answered, config);
  const summary = summarise(config, all);
  await folder?.finish(summary);
  if (out !== undefined) await keepSources(out, answered, conditions);
  return { config, answers: all, summary };
}

function drawsOf({ conditions }: RunConfig): number {
  return Object.values(conditions).reduce((sum, { sampling }) => sum + (sampling?.draws ?? 1), 0);
}

function keysOf(question: string, { conditions }: RunConfig): string[] {
  return Object.entries(conditions).flatMap(([condition, { sampling }]) =>
    Array.from({ length: sampling?.draws ?? 1 }, (_, draw) => answerKey({ question, condition, draw })),
  );
}

function inOrder(
  answers: readonly AnswerRecord[],
  questions: readonly Question[],
  config: RunConfig,
): AnswerRecord[] {
  const by = new Map(answers.map((answer) => [answerKey(answer), answer]));
  return questions.flatMap(({ id }) => keysOf(id, config).flatMap((key) => by.get(key) ?? []));
}
