import { finalNumber } from '../data/final-answer.ts';
import type { Engine } from '../engine/engine.ts';
import { InvalidArgumentError } from '../errors.ts';
import type { Offset } from '../pairs/offset-token.ts';
import type { SteeringPlan } from '../steer/plan.ts';
import { type SteerResult, steer } from '../steer/steer.ts';
import { inOrder } from '../vectors/in-order.ts';
import type { Problem } from './problems.ts';
import { type Interval, wilsonInterval } from './statistics/wilson.ts';

/** One way to ask. */
export interface Condition {
  /** Null: not steered. */
  readonly plan: SteeringPlan | null;
  /** Appended to each question, e.g. a CoT prompt. Default none. */
  readonly suffix?: string;
}

export interface Measured {
  /** Share of the problems whose final number is right, [0, 1]. */
  readonly accuracy: number;
  /** Wilson, 95 %. */
  readonly interval: Interval;
  /** Mean tokens of an answer, the end token not counted. */
  readonly tokens: number;
  /** Problems. */
  readonly n: number;
  /** In the order of the problems. */
  readonly answers: readonly MeasuredAnswer[];
}

export interface MeasuredAnswer {
  readonly text: string;
  readonly isRight: boolean;
  readonly tokens: number;
}

export interface MeasureOptions {
  /** The same in every condition, so that the edit is the only difference. Default `"\n"`; null: none. */
  readonly offset?: Offset;
  /** Most tokens of an answer. Default 256. */
  readonly maxTokens?: number;
  /** Answers in the engine at once, 1 to 256. Default 64 where the engine batches, else 1. */
  readonly concurrency?: number;
  readonly signal?: AbortSignal;
  /** Called after each answer. `total`: problems times conditions. */
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
}

/**
 * Answers all problems under each condition, greedily, and counts the right ones. A problem's conditions run side by
 * side: they share decode steps, and prompts that are alike are prefilled once.
 *
 * @throws InvalidArgumentError for no problems; what {@link steer} throws; the signal's reason.
 */
export async function measureConditions<Name extends string>(
  engine: Engine,
  problems: readonly Problem[],
  conditions: Readonly<Record<Name, Condition>>,
  options: MeasureOptions = {},
): Promise<Record<Name, Measured>> {
  if (problems.length === 0) {
    throw new InvalidArgumentError('problems', 'There is nothing to measure: give at least one problem.');
  }
  const { offset = '\n', maxTokens = 256, signal, onProgress } = options;
  const { concurrency = engine.capabilities.batching ? 64 : 1 } = options;
  const names = Object.keys(conditions) as Name[];
  const asked = problems.flatMap((problem) => names.map((name) => ({ problem, name })));
  const answers = Object.fromEntries(names.map((name) => [name, [] as MeasuredAnswer[]])) as Record<
    Name,
    MeasuredAnswer[]
  >;
  let done = 0;
  const answer = async ({ problem, name }: (typeof asked)[number], _: number, stop: AbortSignal) => {
    const { plan, suffix = '' } = conditions[name];
    const result = await steer(engine, problem.question + suffix, plan, {
      offset,
      maxTokens,
      signal: stop,
    });
    onProgress?.({ done: ++done, total: asked.length });
    return { name, answer: judged(result, problem) };
  };
  for await (const one of inOrder(asked, answer, concurrency, signal)) answers[one.name].push(one.answer);
  return Object.fromEntries(names.map((name) => [name, summary(answers[name])])) as Record<Name, Measured>;
}

function judged({ text, tokens, finishReason }: SteerResult, problem: Problem): MeasuredAnswer {
  return {
    text,
    isRight: finalNumber(text) === problem.answer,
    tokens: tokens.length - (finishReason === 'eos' ? 1 : 0),
  };
}

function summary(answers: readonly MeasuredAnswer[]): Measured {
  const n = answers.length;
  const right = answers.filter(({ isRight }) => isRight).length;
  const tokens = answers.reduce((sum, answer) => sum + answer.tokens, 0) / n;
  return { accuracy: right / n, interval: wilsonInterval(right, n), tokens, n, answers };
}
