/** A made-up run, with texts that try to be more than text. */
import type { AnswerRecord, ConditionConfig, RunConfig } from '../evaluate/run.ts';
import { summarise } from '../evaluate/summarise.ts';
import { seededRandom } from '../tensor/random.ts';
import { memoryModel } from '../vectors/memory-engine.test-support.ts';
import { makeVector } from '../vectors/vector.ts';
import type { ReportRun } from './report-run.ts';

export const hostile = `</pre><script>alert("1")</script><img src=x onerror='alert(2)'>\u202eevil\u0000 & "q"`;

const plain: ConditionConfig = {
  edits: [],
  activation: null,
  suffix: '',
  examples: [],
  offset: '\n',
  sampling: null,
};

export function cacheCondition(
  values: number,
  layers: readonly number[] = [1, 2],
  aggregation = 'mean',
): ConditionConfig {
  const edit = {
    vector: 'ab'.repeat(32),
    aggregation,
    recipe: null,
    values,
    keys: 0,
    layers,
    heads: [0, 1],
    position: 1,
  };
  return { ...plain, edits: [edit] };
}

export function activationCondition(strength: number): ConditionConfig {
  return { ...plain, activation: { vector: 'cd'.repeat(32), layer: 1, strength, tokens: 'every' } };
}

/** Share of right and of degenerate answers, and tokens, by condition. */
export interface Made {
  readonly condition: ConditionConfig;
  readonly right: number;
  readonly degenerate?: number;
  readonly tokens?: number;
}

export function madeRun(made: Readonly<Record<string, Made>>, n = 40, name = 'runs/made'): ReportRun {
  const config: RunConfig = {
    version: 1,
    kvsteer: '0.1.0',
    node: '20.20.0',
    engine: { name: 'memory', precision: 'none' },
    model: { name: 'memory', fingerprint: 'f00d', chatTemplateHash: 'chatml' },
    task: { name: 'made.jsonl', scorer: 'number', questions: n, hash: 'beef'.repeat(16), malformed: 0 },
    maxTokens: 128,
    seed: 0,
    conditions: Object.fromEntries(Object.entries(made).map(([key, { condition }]) => [key, condition])),
    baseline: Object.keys(made)[0]!,
    tuned: null,
  };
  const random = seededRandom(7);
  const answers = Object.entries(made).flatMap(([condition, { right, degenerate = 0, tokens = 20 }]) =>
    Array.from({ length: n }, (_, i): AnswerRecord => {
      const isRight = i < Math.round(right * n);
      return {
        question: `q${String(i).padStart(3, '0')}`,
        condition,
        draw: 0,
        status: 'answered',
        text: i === 0 ? hostile : `Step 1: ${i} + 1 = ${i + 1}. The answer is ${isRight ? i : i + 1}.`,
        answer: String(isRight ? i : i + 1),
        by: 'pattern',
        right: isRight,
        tokens: Math.round(tokens * (0.5 + random())),
        promptTokens: 12,
        finish: 'eos',
        degenerate: i < Math.round(degenerate * n),
        steps: 1,
        style: 'stepwise',
        ms: 1,
      };
    }),
  );
  const { layers, kvHeads, headDim } = memoryModel;
  const tensor = () => Float32Array.from({ length: layers * kvHeads * headDim }, () => random() - 0.5);
  return {
    name,
    config,
    answers,
    summary: summarise(config, answers),
    isFinished: true,
    questions: new Map([['q000', `${hostile} How many?`]]),
    vectors: [
      {
        name: 'steps',
        vector: makeVector({
          keys: tensor(),
          values: tensor(),
          keyMode: 'unrotated',
          model: { ...memoryModel, chatTemplateHash: 'chatml' },
        }),
      },
    ],
  };
}

/** Plain, a prompt, a control, and both kinds of steering over their coefficients. */
export const sweepRun = (n?: number, name?: string): ReportRun =>
  madeRun(
    {
      plain: { condition: plain, right: 0.1, tokens: 9 },
      cot: { condition: { ...plain, suffix: " Let's think step by step." }, right: 0.95, tokens: 76 },
      'values 0.5': { condition: cacheCondition(0.5), right: 0.5, tokens: 50 },
      'values 1': { condition: cacheCondition(1), right: 0.95, tokens: 76 },
      'values 2': { condition: cacheCondition(2), right: 0.925, tokens: 78 },
      'values 4': { condition: cacheCondition(4), right: 0.3, degenerate: 0.6, tokens: 110 },
      random: { condition: cacheCondition(1, [1, 2], 'random'), right: 0.1, tokens: 9 },
      'activation 1': { condition: activationCondition(1), right: 0.4, degenerate: 0.1, tokens: 30 },
      'activation 2': { condition: activationCondition(2), right: 0.2, degenerate: 0.5, tokens: 90 },
    },
    n,
    name,
  );
