/**
 * The records of a run as they may come from elsewhere: a queue, another machine's worker, a file. Everything is bounded,
 * and nothing unknown is kept.
 */
import { z } from 'zod';
import type { AnswerRecord, ConditionConfig, RunConfig, RunSummary } from '../evaluate/run.ts';

const MOST_CHARACTERS = 2 ** 20;
const name = z.string().min(1).max(1024);
const text = z.string().max(MOST_CHARACTERS);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const index = z.int().min(0).max(8191);
const indices = z.array(index).max(8192);
const finite = z.number();

const edit = z.object({
  vector: sha256,
  aggregation: z.string().max(64),
  recipe: z.string().max(65_536).nullable(),
  values: finite,
  keys: finite,
  layers: indices,
  heads: indices,
  position: z.int().min(1).max(1_000_000),
  centroids: z.union([z.enum(['nearest', 'mix', 'mean']), index]).exactOptional(),
});

const activation = z.object({
  vector: sha256,
  layer: index,
  strength: finite,
  tokens: z.enum(['every', 'last']),
});

const sampling = z.object({
  temperature: z.number().positive().max(10),
  topK: z.int().min(0).max(10_000_000).exactOptional(),
  topP: z.number().positive().max(1).exactOptional(),
  minP: z.number().min(0).max(1).exactOptional(),
  draws: z.int().min(1).max(10_000),
});

export const conditionSchema: z.ZodType<ConditionConfig> = z.object({
  edits: z.array(edit).max(64),
  activation: activation.nullable(),
  suffix: text,
  examples: z.array(z.object({ question: text, answer: text })).max(256),
  offset: z.union([z.string().max(1024), z.int().min(0).max(10_000_000)]).nullable(),
  sampling: sampling.nullable(),
});

export const scorerSchema = z.enum(['number', 'choice', 'yes-no', 'math', 'text']);

/** A question as far as its answers depend on it. */
export const questionSchema = z.object({
  id: name,
  question: text,
  choices: z.array(text).min(2).max(26).nullable(),
  answer: text,
});

const count = z.int().min(0).max(10_000_000);

export const answerSchema: z.ZodType<AnswerRecord> = z.object({
  question: name,
  condition: name,
  draw: z.int().min(0).max(9_999),
  status: z.enum(['answered', 'empty', 'overflow']),
  text: z.string().max(8 * MOST_CHARACTERS),
  answer: text.nullable(),
  by: z.enum(['pattern', 'forced']).nullable(),
  right: z.boolean(),
  tokens: count,
  promptTokens: count,
  finish: z.enum(['eos', 'stop', 'length']).nullable(),
  degenerate: z.boolean(),
  steps: count,
  style: z.enum(['stepwise', 'strategy', 'causal', 'deduction', 'analogy']).nullable(),
  ms: z.number().min(0),
});

const conditionNames = <T extends z.ZodType>(value: T) => z.record(name, value);

export const configSchema: z.ZodType<RunConfig> = z.object({
  version: z.literal(1),
  kvsteer: z.string().max(256),
  node: z.string().max(256),
  engine: z.object({ name: z.string().max(64), precision: z.string().max(64) }),
  model: z.object({
    name: z.string().max(4096),
    fingerprint: z.string().max(256),
    chatTemplateHash: z.string().max(256).nullable(),
  }),
  task: z.object({
    name: z.string().max(4096),
    scorer: scorerSchema,
    questions: count,
    hash: z.string().max(256),
    malformed: count,
  }),
  maxTokens: count,
  seed: z.int(),
  conditions: conditionNames(conditionSchema),
  baseline: name,
  tuned: z.unknown(),
});

const share = z.number().min(0).max(1);
const counted = z.object({ count, share });
const interval = z.tuple([finite, finite]);
const styles = z.object({
  stepwise: counted,
  strategy: counted,
  causal: counted,
  deduction: counted,
  analogy: counted,
});

const conditionSummarySchema = z.object({
  n: count,
  answers: count,
  right: count,
  accuracy: share,
  interval,
  tokens: finite,
  tokensPerRight: finite.nullable(),
  degenerate: counted,
  unfinished: counted,
  empty: counted,
  overflow: counted,
  unanswered: counted,
  forced: counted,
  stepped: counted,
  steps: finite,
  styles,
  ms: finite,
  msPerToken: finite.nullable(),
  solo: z.object({ n: count, msPerExample: finite, msPerToken: finite }).nullable(),
  sideEffects: z.object({ perplexity: finite, kl: finite }).nullable(),
});

const comparisonSchema = z.object({
  condition: name,
  baseline: name,
  n: count,
  difference: finite,
  interval,
  gained: count,
  lost: count,
  p: share,
  test: z.enum(['mcnemar', 'sign-flip']),
  holm: share,
});

export const summarySchema: z.ZodType<RunSummary> = z.object({
  version: z.literal(1),
  conditions: conditionNames(conditionSummarySchema),
  comparisons: z.array(comparisonSchema).max(100_000),
});

export { name as nameSchema, sha256 as sha256Schema };
