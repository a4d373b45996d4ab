import type { Engine, FinishReason, GenerateEvent, GenerateOptions } from '../engine/engine.ts';
import { RuntimeFailureError } from '../errors.ts';
import type { FitOptions } from '../vectors/vector-fits.ts';
import { applyPlan, checkPlans } from './apply-plan.ts';
import type { ResolvedPlan, SteeringPlan } from './plan.ts';
import { type Prompt, type PromptOptions, tokenizePrompt } from './prompt.ts';

/**
 * As `Engine.generate`'s. `residual` acts on the prefill too. `offset` defaults to `"\n"` with a plan (arXiv
 * 2507.08799 takes `" "` for GSM8K) and to none without; `offset` given without a plan is the offset-only
 * baseline.
 */
export interface SteerOptions extends Omit<GenerateOptions, 'feed' | 'history'>, PromptOptions, FitOptions {}

export interface SteerTimings {
  /** Forward pass over the prompt. */
  readonly prefillMs: number;
  /** The edit of the cache; 0 without a plan. */
  readonly editMs: number;
  /** Waiting for the engine from the last prompt token's feeding to the end. */
  readonly decodeMs: number;
}

export interface SteerResult {
  /** The answer, special tokens left out. */
  readonly text: string;
  /** Generated ids, the EOS token included where it came. */
  readonly tokens: readonly number[];
  /** Tokens of the prompt, template included, offset token not. */
  readonly promptTokens: number;
  /** Id of the offset token, or null. */
  readonly offsetToken: number | null;
  /** Index of the edited position (of the first plan's); null without a plan. */
  readonly editedPosition: number | null;
  /** The plans as applied, defaults filled in. */
  readonly plans: readonly ResolvedPlan[];
  readonly finishReason: FinishReason;
  readonly timings: SteerTimings;
}

export type SteerEvent =
  /** The prompt is prefilled. */
  | { readonly type: 'prefill'; readonly promptTokens: number; readonly ms: number }
  /** The cache is edited; only with a plan. */
  | { readonly type: 'edit'; readonly plans: readonly ResolvedPlan[]; readonly ms: number }
  | Extract<GenerateEvent, { type: 'token' }>
  /** Last event; `text` is what was still held back, `result` the whole. */
  | { readonly type: 'finish'; readonly text: string; readonly result: SteerResult };

type Plans = SteeringPlan | readonly SteeringPlan[] | null;

/**
 * Steered generation, streamed: template, tokens, offset token; prefill of all but the last token; the edit at the
 * last cached position; then the last token is fed and decoding goes on as usual, with nothing left to do per
 * token. Without a plan the same without the edit.
 *
 * The cache is disposed of however it ends; leaving the loop early stops the work.
 *
 * @throws InvalidArgumentError, ModelMismatchError, ContextOverflowError, the signal's reason.
 */
export async function* generateSteered(
  engine: Engine,
  prompt: Prompt,
  plan: Plans,
  options: SteerOptions = {},
): AsyncGenerator<SteerEvent, void, undefined> {
  const { system, force = false, offset = plan === null ? null : '\n', ...generation } = options;
  const { signal, residual } = generation;
  signal?.throwIfAborted();
  const { tokens, promptTokens, offsetToken } = tokenizePrompt(prompt, engine.tokenizer, {
    ...(system !== undefined && { system }),
    offset,
  });
  const cached = tokens.slice(0, -1);

  // What is wrong with a plan is said before the prompt is paid for.
  if (plan !== null) checkPlans(plan, engine, cached.length, { force });

  let mark = performance.now();
  const { cache } = await engine.prefill(cached, {
    ...(signal && { signal }),
    ...(residual && { residual }),
  });
  await using _ = cache;
  const prefillMs = performance.now() - mark;
  yield { type: 'prefill', promptTokens, ms: prefillMs };

  let plans: readonly ResolvedPlan[] = [];
  let editMs = 0;
  if (plan !== null) {
    signal?.throwIfAborted();
    mark = performance.now();
    plans = await applyPlan(cache, plan, engine, { force });
    editMs = performance.now() - mark;
    yield { type: 'edit', plans, ms: editMs };
  }

  const generated: number[] = [];
  let text = '';
  let decodeMs = 0;
  mark = performance.now();
  for await (const event of engine.generate(cache, {
    ...generation,
    feed: tokens.slice(-1),
    history: cached,
  })) {
    decodeMs += performance.now() - mark;
    text += event.text;
    if (event.type === 'token') {
      generated.push(event.token);
      yield event;
    } else {
      const result: SteerResult = {
        text,
        tokens: generated,
        promptTokens,
        offsetToken,
        editedPosition: plans[0]?.position ?? null,
        plans,
        finishReason: event.reason,
        timings: { prefillMs, editMs, decodeMs },
      };
      yield { type: 'finish', text: event.text, result };
    }
    mark = performance.now();
  }
}

/** {@link generateSteered} to its end. @param plan null: plain. Same errors. */
export async function steer(
  engine: Engine,
  prompt: Prompt,
  plan: Plans,
  options: SteerOptions = {},
): Promise<SteerResult> {
  let result: SteerResult | undefined;
  for await (const event of generateSteered(engine, prompt, plan, options)) {
    if (event.type === 'finish') result = event.result;
  }
  if (result !== undefined) return result;
  throw new RuntimeFailureError(
    'The engine ended a generation without a finish event: its contract asks for one.',
  );
}

/** The plain answer: {@link steer} without a plan, and without offset token unless `options.offset` asks for one. */
export function generate(engine: Engine, prompt: Prompt, options: SteerOptions = {}): Promise<SteerResult> {
  return steer(engine, prompt, null, options);
}
