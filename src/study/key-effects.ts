import type { Engine } from '../engine/engine.ts';
import { InvalidArgumentError } from '../errors.ts';
import type { Offset } from '../pairs/offset-token.ts';
import { applyPlan } from '../steer/apply-plan.ts';
import type { SteeringPlan } from '../steer/plan.ts';
import { tokenizePrompt } from '../steer/prompt.ts';
import type { MeanDifferences } from '../vectors/accumulator.ts';
import { randomVector } from '../vectors/random-vector.ts';
import { type KeyMode, makeVector, modelIdentity } from '../vectors/vector.ts';
import { forcedLogProb } from './forced-answer.ts';
import { type MeanInterval, meanInterval } from './mean-interval.ts';

/** What is added to the cache, from nothing to the published edit and its controls. */
export const keyConditions = [
  /** No edit; the offset token is there, as in all others. */
  'nothing',
  'values',
  /** Values and the published keys. */
  'post-rope',
  /** Values and un-rotated keys, rotated to the edited position. */
  'unrotated',
  /** Values and what of the published keys is position alone. */
  'artefact',
  /** Values and Gaussian keys with the published keys' norm in each layer. */
  'random',
  /** Values and Gaussian keys with the un-rotated keys' norm in each layer. */
  'random-unrotated',
] as const;
export type KeyCondition = (typeof keyConditions)[number];

/** What each condition adds, as figures and tables name it. */
export const conditionLabels: Readonly<Record<KeyCondition, string>> = {
  nothing: 'nothing',
  values: 'values only',
  'post-rope': 'values + post-RoPE keys',
  unrotated: 'values + un-rotated keys',
  artefact: 'values + artefact only',
  random: 'values + random keys, post-RoPE norm',
  'random-unrotated': 'values + random keys, un-rotated norm',
};

/** A held-out question with the two answers that are forced upon the model. */
export interface ForcedQuestion {
  readonly question: string;
  /** A worked solution. */
  readonly trace: string;
  /** The answer alone. */
  readonly short: string;
}

export interface KeyEffect {
  readonly condition: KeyCondition;
  /** Mean log-probability a token of the traces. */
  readonly trace: MeanInterval;
  readonly short: MeanInterval;
  /** Trace less short: how far reasoning is preferred to a bare answer. */
  readonly gap: MeanInterval;
  /** The gap less that of `values`, question by question: what the keys add. */
  readonly beyondValues: MeanInterval;
  /** Mean gap of each draw, for random keys: beside the interval over questions, the spread over draws. */
  readonly draws: readonly number[] | null;
  /** [questions] of gaps, mean over draws: for tests between conditions. */
  readonly gaps: readonly number[];
}

export interface MeasureEffectsOptions {
  /** c_v. */
  readonly values: number;
  /** c_k, the same for every kind of keys. */
  readonly keys: number;
  /** Random draws, 1 to 64. Default 8. */
  readonly draws?: number;
  /** Of the first draw; the others follow. A safe integer, default 0. */
  readonly seed?: number;
  /** System message of the questions. Default: what the chat template puts there itself. */
  readonly system?: string;
  /** Default `"\n"`. */
  readonly offset?: Offset;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
}

interface Scores {
  readonly trace: number;
  readonly short: number;
}

/**
 * The teacher-forced effect of every kind of key vector: each question is prefilled once and forked for each condition,
 * edited at its last position in layers >= 1, and both of its answers are scored.
 *
 * @throws InvalidArgumentError for no questions or draws out of range; what prefill and the edit throw; the signal's
 * reason.
 */
export async function measureKeyEffects(
  engine: Engine,
  means: MeanDifferences,
  questions: readonly ForcedQuestion[],
  options: MeasureEffectsOptions,
): Promise<KeyEffect[]> {
  const { draws = 8, system, offset = '\n', signal, onProgress } = options;
  if (questions.length === 0) {
    throw new InvalidArgumentError('questions', 'There is nothing to measure: give at least one question.');
  }
  if (!Number.isSafeInteger(draws) || draws < 1 || draws > 64) {
    throw new InvalidArgumentError('draws', `draws must be an integer from 1 to 64, not ${draws}.`);
  }
  const edits = editsOf(engine, means, { ...options, draws });
  // [edit][question]
  const scores: Scores[][] = edits.map(() => []);
  for (const [index, { question, trace, short }] of questions.entries()) {
    signal?.throwIfAborted();
    const { tokens } = tokenizePrompt(question, engine.tokenizer, {
      offset,
      ...(system !== undefined && { system }),
    });
    const { cache } = await engine.prefill(tokens.slice(0, -1), { ...(signal && { signal }) });
    await using _ = cache;
    const feed = tokens.at(-1)!;
    const answers = { trace: engine.tokenizer.encode(trace), short: engine.tokenizer.encode(short) };
    for (const [e, { plan }] of edits.entries()) {
      await using edited = await cache.fork();
      if (plan !== null) await applyPlan(edited, plan, engine);
      scores[e]!.push({
        trace: await forcedLogProb(engine, edited, feed, answers.trace, signal),
        short: await forcedLogProb(engine, edited, feed, answers.short, signal),
      });
    }
    onProgress?.({ done: index + 1, total: questions.length });
  }
  return summaries(edits, scores);
}

interface Edit {
  readonly condition: KeyCondition;
  readonly plan: SteeringPlan | null;
}

function editsOf(
  engine: Engine,
  means: MeanDifferences,
  { keys, values, draws, seed = 0 }: MeasureEffectsOptions & { readonly draws: number },
): Edit[] {
  const model = modelIdentity(engine);
  const vector = (tensor: Float32Array, keyMode: KeyMode) =>
    makeVector({ keys: tensor, values: means.values, keyMode, model });
  const plan = (made: SteeringPlan['vector'], c_k = keys): SteeringPlan => ({
    vector: made,
    values,
    keys: c_k,
    position: 1,
  });
  const postRope = vector(means.postRopeKeys, 'post-rope');
  const unrotated = vector(means.unrotatedKeys, 'unrotated');
  const random = (of: typeof postRope, condition: KeyCondition): Edit[] =>
    Array.from({ length: draws }, (_, draw) => ({
      condition,
      plan: plan(vector(randomVector(of, seed + draw).keys, of.keyMode)),
    }));
  return [
    { condition: 'nothing', plan: null },
    { condition: 'values', plan: plan(unrotated, 0) },
    { condition: 'post-rope', plan: plan(postRope) },
    { condition: 'unrotated', plan: plan(unrotated) },
    { condition: 'artefact', plan: plan(vector(means.artefactKeys, 'post-rope')) },
    ...random(postRope, 'random'),
    ...random(unrotated, 'random-unrotated'),
  ];
}

function summaries(edits: readonly Edit[], scores: readonly (readonly Scores[])[]): KeyEffect[] {
  const average = (condition: KeyCondition, of: (scores: Scores) => number): number[] => {
    const rows = scores.filter((_, e) => edits[e]!.condition === condition);
    return rows[0]!.map((_, q) => mean(rows.map((row) => of(row[q]!))));
  };
  const gapOf = ({ trace, short }: Scores) => trace - short;
  const valuesGaps = average('values', gapOf);
  return keyConditions.map((condition) => {
    const gaps = average(condition, gapOf);
    const rows = scores.filter((_, e) => edits[e]!.condition === condition);
    return {
      condition,
      trace: meanInterval(average(condition, ({ trace }) => trace)),
      short: meanInterval(average(condition, ({ short }) => short)),
      gap: meanInterval(gaps),
      beyondValues: meanInterval(gaps.map((gap, q) => gap - valuesGaps[q]!)),
      draws: condition.startsWith('random') ? rows.map((row) => mean(row.map(gapOf))) : null,
      gaps,
    };
  });
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
