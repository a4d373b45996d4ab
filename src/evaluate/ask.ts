/** One question under one condition: prompt, cache, edit, answer, judgement. */
import { createHash } from 'node:crypto';
import type { Question } from '../data/question.ts';
import { questionText } from '../data/question-text.ts';
import type { ChatMessage, Engine, FinishReason, KvCache, ResidualOffset } from '../engine/engine.ts';
import { RuntimeFailureError } from '../errors.ts';
import { applyPlan } from '../steer/apply-plan.ts';
import { type Prompt, tokenizePrompt } from '../steer/prompt.ts';
import { type Condition, DEFAULT_OFFSET, plansOf, residualOf } from './condition.ts';
import { isDegenerate } from './degenerate.ts';
import type { AnswerRecord, ScorerName } from './run.ts';
import { scorers } from './scorers.ts';
import { type ChoiceTokens, forceChoice } from './second-stage.ts';
import type { ShareClock } from './share-clock.ts';
import type { SharedPrefill } from './shared-prefill.ts';
import { countSteps } from './steps.ts';
import { styleOf } from './style.ts';

export type AnsweredQuestion = Question & { readonly answer: string };

/** A prompt as a condition puts it. */
export interface AskedPrompt {
  /** Prefilled, and shared by all that begin alike. */
  readonly shared: readonly number[];
  /** How many of its first tokens are the same for every question: the worked examples. Else 0. */
  readonly begins: number;
  /** Prefilled after that with the residual offset: the last prompt token of last-token activation steering; else none. */
  readonly steered: readonly number[];
  readonly feed: number;
  /** Template included, offset token not. */
  readonly promptTokens: number;
}

/** One answer to be given. */
export interface Ask {
  readonly question: AnsweredQuestion;
  readonly name: string;
  readonly condition: Condition;
  readonly draw: number;
  /** Null where it leaves no room for an answer. */
  readonly prompt: AskedPrompt | null;
}

export interface Asking {
  readonly engine: Engine;
  readonly prefills: SharedPrefill;
  readonly clock: ShareClock;
  readonly scorer: ScorerName;
  readonly maxTokens: number;
  /** Of the run. */
  readonly seed: number;
  /** By number of choices. */
  readonly choiceTokens: (count: number) => ChoiceTokens;
}

/** A shorter beginning is not worth a cache of its own. */
const LEAST_SHARED = 64;

/** @throws InvalidArgumentError for an empty question, or an offset that is not one token. */
export function promptOf(question: Question, condition: Condition, engine: Engine): AskedPrompt | null {
  const { suffix = '', examples = [], offset = DEFAULT_OFFSET, activation = null } = condition;
  const asked = questionText(question) + suffix;
  const { tokens, promptTokens } = tokenizePrompt(promptText(asked, examples, engine), engine.tokenizer, {
    offset,
  });
  // One more has to fit: the first token of the answer.
  if (tokens.length >= engine.model.contextLength) return null;
  const cached = tokens.slice(0, -1);
  const isLast = activation?.tokens === 'last' && cached.length > 1;
  return {
    shared: isLast ? cached.slice(0, -1) : cached,
    begins: examples.length === 0 ? 0 : beginsAlike(cached, examples, condition, engine),
    steered: isLast ? cached.slice(-1) : [],
    feed: tokens.at(-1)!,
    promptTokens,
  };
}

function promptText(asked: string, examples: NonNullable<Condition['examples']>, engine: Engine): Prompt {
  if (examples.length === 0) return asked;
  if (engine.tokenizer.chatTemplateHash === null) {
    return [...examples.map(({ question, answer }) => `${question}\n${answer}`), `${asked}\n`].join('\n\n');
  }
  const turns = examples.flatMap(({ question, answer }): ChatMessage[] => [
    { role: 'user', content: question },
    { role: 'assistant', content: answer },
  ]);
  return [...turns, { role: 'user', content: asked }];
}

/** Prompts that differ in their questions only: what is the same in two is the same in all. */
function beginsAlike(
  cached: readonly number[],
  examples: NonNullable<Condition['examples']>,
  { suffix = '' }: Condition,
  engine: Engine,
): number {
  const other = tokenizePrompt(promptText(`?${suffix}`, examples, engine), engine.tokenizer, {}).tokens;
  // Two tokens are left to each: one alone goes through kernels that round otherwise.
  const most = Math.min(cached.length - 3, other.length - 1);
  let same = 0;
  while (same < most && cached[same] === other[same]) same++;
  return same >= LEAST_SHARED ? same : 0;
}

/** The cache of a prompt under a condition, edited; the caller disposes of it. */
export async function steeredCache(
  engine: Engine,
  prefills: SharedPrefill,
  { shared, begins, steered }: AskedPrompt,
  condition: Condition,
  signal: AbortSignal,
): Promise<{ cache: KvCache; residual: readonly ResidualOffset[] | undefined }> {
  const residual = residualOf(condition);
  let cache = await prefills.fork(shared, begins, signal);
  try {
    if (steered.length > 0) {
      const longer = await engine.prefill(steered, { prefix: cache, signal, ...(residual && { residual }) });
      await cache[Symbol.asyncDispose]();
      cache = longer.cache;
    }
    const plans = plansOf(condition);
    if (plans.length > 0) await applyPlan(cache, plans, engine);
  } catch (error) {
    await cache[Symbol.asyncDispose]();
    throw error;
  }
  return { cache, residual: steered.length > 0 ? undefined : residual };
}

export async function ask(asked: Ask, asking: Asking, signal: AbortSignal): Promise<AnswerRecord> {
  const { question, name, condition, draw, prompt } = asked;
  if (prompt === null) return unanswerable(asked);
  const { engine, prefills, clock } = asking;
  const { cache, residual } = await steeredCache(engine, prefills, prompt, condition, signal);
  await using _ = cache;
  const { draws: __, ...sampling } = condition.sampling ?? { draws: 1 };
  const generated: number[] = [];
  let text = '';
  let finish: FinishReason | undefined;
  const stopClock = clock.start();
  let ms = 0;
  try {
    for await (const event of engine.generate(cache, {
      feed: [prompt.feed],
      maxTokens: asking.maxTokens,
      signal,
      ...sampling,
      ...(condition.sampling && { seed: seedOf(asked, asking.seed) }),
      ...(residual && { residual }),
    })) {
      text += event.text;
      if (event.type === 'token') generated.push(event.token);
      else finish = event.reason;
    }
  } finally {
    ms = stopClock();
  }
  if (finish === undefined) {
    throw new RuntimeFailureError(
      'The engine ended a generation without a finish event: its contract asks for one.',
    );
  }
  const written = finish === 'eos' ? generated.slice(0, -1) : generated;
  const scorer = scorers[asking.scorer];
  let answer = scorer.found(text, question);
  let by: AnswerRecord['by'] = answer === null ? null : 'pattern';
  if (answer === null && asking.scorer === 'choice') {
    const all = [...prompt.shared, ...prompt.steered, prompt.feed, ...written];
    const choices = asking.choiceTokens(question.choices!.length);
    answer = await forceChoice(engine, cache, all.slice(cache.length), choices, {
      signal,
      ...(residual && { residual }),
    });
    if (answer !== null) by = 'forced';
  }
  return {
    question: question.id,
    condition: name,
    draw,
    status: text.trim() === '' ? 'empty' : 'answered',
    text,
    answer,
    by,
    right: answer !== null && scorer.isRight(answer, question),
    tokens: written.length,
    promptTokens: prompt.promptTokens,
    finish,
    degenerate: isDegenerate(text),
    steps: countSteps(text),
    style: styleOf(text),
    ms: Number(ms.toFixed(3)),
  };
}

function unanswerable({ question, name, draw }: Ask): AnswerRecord {
  return {
    question: question.id,
    condition: name,
    draw,
    status: 'overflow',
    text: '',
    answer: null,
    by: null,
    right: false,
    tokens: 0,
    promptTokens: 0,
    finish: null,
    degenerate: false,
    steps: 0,
    style: null,
    ms: 0,
  };
}

/** The same whatever else is asked, and in whatever order: 48 bits of a hash of run, question, condition and draw. */
function seedOf({ question, name, draw }: Ask, seed: number): number {
  const digest = createHash('sha256')
    .update(JSON.stringify([seed, question.id, name, draw]))
    .digest();
  return digest.readUIntBE(0, 6);
}
