/** What a worker is asked for: some questions under all conditions of a sweep. A job is its content, and so is its id. */
import { z } from 'zod';
import type { Question } from '../data/question.ts';
import { InvalidArgumentError } from '../errors.ts';
import type { AnswerRecord, RunConfig } from '../evaluate/run.ts';
import { answerKey } from '../evaluate/run-folder.ts';
import { contentHash, type Json } from './content-hash.ts';
import {
  answerSchema,
  conditionSchema,
  nameSchema,
  questionSchema,
  scorerSchema,
  sha256Schema,
} from './run-schema.ts';

const MOST_QUESTIONS = 256;
const MOST_CONDITIONS = 1024;

const jobSchema = z.object({
  version: z.literal(1),
  model: z.object({
    fingerprint: z.string().min(1).max(256),
    chatTemplateHash: z.string().max(256).nullable(),
  }),
  engine: z.object({ name: z.string().max(64), precision: z.string().max(64) }),
  scorer: scorerSchema,
  maxTokens: z.int().min(1).max(1_000_000),
  seed: z.int(),
  questions: z.array(questionSchema).min(1).max(MOST_QUESTIONS),
  conditions: z
    .record(nameSchema, conditionSchema)
    .refine((all) => Object.keys(all).length >= 1 && Object.keys(all).length <= MOST_CONDITIONS, {
      message: `expected 1 to ${MOST_CONDITIONS} conditions`,
    }),
  /** From the hashes in the conditions to those of the bytes that hold the vectors. */
  vectors: z.record(sha256Schema, sha256Schema),
});

export type SweepJob = z.infer<typeof jobSchema>;

/** Hex SHA-256 of the job: adding it twice is adding it once. */
export function jobId(job: SweepJob): string {
  return contentHash(job as unknown as Json);
}

/** @throws InvalidArgumentError naming what is wrong: a payload of a queue is anyone's. */
export function readJob(payload: unknown): SweepJob {
  const parsed = jobSchema.safeParse(payload);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new InvalidArgumentError(
    'job',
    `The queue holds what is no job of this version of kvsteer: ${issue?.path.join('.') || 'payload'}: ${issue?.message}.`,
    { cause: parsed.error },
  );
}

/** The answers that a job asks for, as keys: every question under every condition, all draws. */
function expectedKeys({ questions, conditions }: SweepJob): Set<string> {
  const keys = questions.flatMap(({ id }) =>
    Object.entries(conditions).flatMap(([condition, { sampling }]) =>
      Array.from({ length: sampling?.draws ?? 1 }, (_, draw) => answerKey({ question: id, condition, draw })),
    ),
  );
  return new Set(keys);
}

/** @throws InvalidArgumentError unless the result holds each answer that the job asks for exactly once. */
export function readAnswers(job: SweepJob, result: unknown): AnswerRecord[] {
  const expected = expectedKeys(job);
  const parsed = z.array(answerSchema).max(expected.size).safeParse(result);
  const missing = new Set(expected);
  for (const answer of parsed.data ?? []) missing.delete(answerKey(answer));
  if (parsed.success && parsed.data.length === expected.size && missing.size === 0) return parsed.data;
  const [issue] = parsed.error?.issues ?? [];
  throw new InvalidArgumentError(
    'result',
    `A worker gave what is no answer to its job: ${issue ? `${issue.path.join('.')}: ${issue.message}` : `${missing.size} of ${expected.size} answers are missing`}. Are all workers of this version?`,
    { cause: parsed.error },
  );
}

/** A worker's batch is full at about so many answers. */
export const ANSWERS_PER_JOB = 64;

/**
 * The jobs of a run: its questions in groups, so that a job has about as many answers as asked for.
 *
 * @param vectors hash of the bytes by hash of the vector.
 */
export function jobsOf(
  config: RunConfig,
  questions: readonly Question[],
  vectors: Readonly<Record<string, string>>,
  answersPerJob: number = ANSWERS_PER_JOB,
): SweepJob[] {
  const conditions = Object.values(config.conditions);
  const perQuestion = conditions.reduce((sum, { sampling }) => sum + (sampling?.draws ?? 1), 0);
  const size = Math.min(MOST_QUESTIONS, Math.max(1, Math.round(answersPerJob / perQuestion)));
  const asked = questions.flatMap(({ id, question, choices, answer }) =>
    answer === null ? [] : [{ id, question, choices: choices && [...choices], answer }],
  );
  const jobs: SweepJob[] = [];
  for (let at = 0; at < asked.length; at += size) {
    const { fingerprint, chatTemplateHash } = config.model;
    jobs.push(
      readJob({
        version: 1,
        model: { fingerprint, chatTemplateHash },
        engine: config.engine,
        scorer: config.task.scorer,
        maxTokens: config.maxTokens,
        seed: config.seed,
        questions: asked.slice(at, at + size),
        conditions: config.conditions,
        vectors,
      }),
    );
  }
  return jobs;
}
