/**
 * From a prompt to caches that are ready to decode: gates, prefill through the prefix cache, the edit, one fork an answer.
 * The same steps as `steer/steer.ts`, with a cache that begins where another prompt left off.
 */
import type { Engine, KvCache } from '../../engine/engine.ts';
import { applyPlan } from '../../steer/apply-plan.ts';
import type { ResolvedPlan } from '../../steer/plan.ts';
import { askProbe } from '../steering/ask-probe.ts';
import { matchesPattern } from '../steering/match-pattern.ts';
import { resolvePlans, type Steering } from '../steering/resolve-steering.ts';
import type { PrefixCache } from './prefix-cache.ts';

export interface AnswerPrompt {
  /** Template included, offset token not; at least two. */
  readonly tokens: readonly number[];
  /** What a pattern gate looks at: the last user message, or a completion's whole prompt. */
  readonly question: string;
}

export interface AppliedVector {
  readonly steering: Steering;
  readonly plans: readonly ResolvedPlan[];
}

/** Why a vector that the request names was not used. */
export interface SkippedVector {
  readonly steering: Steering;
  readonly reason: 'gate' | 'zero';
}

/** Caches that are the caller's: each is decoded from once, then disposed of. */
export interface PreparedAnswer extends AsyncDisposable {
  /** One an answer; edited where `applied` is not empty. */
  readonly caches: readonly KvCache[];
  readonly feed: readonly number[];
  readonly history: readonly number[];
  readonly cachedTokens: number;
  readonly applied: readonly AppliedVector[];
  readonly skipped: readonly SkippedVector[];
}

export interface PrepareOptions {
  readonly engine: Engine;
  readonly prefixes: PrefixCache;
  /** Id of the token that goes after a steered prompt, so that the prompt's own last token can be edited; null: none. */
  readonly offsetToken: number | null;
  /** How many answers. */
  readonly choices: number;
  /** Whose prefixes may be used. */
  readonly owner: string;
  readonly signal: AbortSignal;
}

/**
 * Where no vector is left (none named, all gated off, or all coefficients 0), the answer is plain: no edit, no offset token,
 * bit for bit what a request without steering gets.
 *
 * @throws ApiError, ContextOverflowError, ModelMismatchError, OutOfMemoryError; the signal's reason.
 */
export async function prepareAnswer(
  { tokens, question }: AnswerPrompt,
  steering: readonly Steering[],
  options: PrepareOptions,
): Promise<PreparedAnswer> {
  const { engine, offsetToken } = options;
  const skipped: SkippedVector[] = [];
  const wanted: AppliedVector[] = [];
  const steered = offsetToken === null ? [...tokens] : [...tokens, offsetToken];
  for (const one of steering) {
    const plans = resolvePlans(one, engine, steered.length - 1);
    const { gate } = one;
    if (plans.every(({ values, keys }) => values === 0 && keys === 0)) {
      skipped.push({ steering: one, reason: 'zero' });
    } else if (gate !== null && 'regex' in gate && !matchesPattern(gate, question, one.param)) {
      skipped.push({ steering: one, reason: 'gate' });
    } else {
      wanted.push({ steering: one, plans });
    }
  }
  if (wanted.length === 0) return { ...(await plain(tokens, options)), skipped };

  const cached = steered.slice(0, -1);
  const { cache, cachedTokens } = await options.prefixes.prefill(cached, options);
  try {
    const applied: AppliedVector[] = [];
    for (const one of wanted) {
      const { gate, param } = one.steering;
      const holds =
        gate === null || 'regex' in gate || (await askProbe(gate.probe, cache, cached.length - 1, param)) > 0;
      if (holds) applied.push(one);
      else skipped.push({ steering: one.steering, reason: 'gate' });
    }
    if (applied.length === 0) {
      const answer = await plain(tokens, options, cache);
      return { ...answer, cachedTokens, skipped };
    }
    await applyPlan(cache, applied.flatMap(({ plans }) => plans).map(fromEnd(cached.length)), engine);
    const caches = await forks(cache, options.choices);
    return { ...held(caches), feed: steered.slice(-1), history: cached, cachedTokens, applied, skipped };
  } catch (error) {
    await cache[Symbol.asyncDispose]();
    throw error;
  }
}

/** @param begun a clean cache of all of `tokens`: as much of it as possible is copied, and it is disposed of. */
async function plain(
  tokens: readonly number[],
  options: PrepareOptions,
  begun?: KvCache,
): Promise<PreparedAnswer> {
  const { engine, prefixes, choices, signal } = options;
  const history = tokens.slice(0, -1);
  let cache: KvCache;
  let cachedTokens = 0;
  if (begun === undefined) {
    ({ cache, cachedTokens } = await prefixes.prefill(history, options));
  } else {
    // Two tokens are computed, as after every prefix: one alone would round otherwise.
    const prefixLength = Math.max(history.length - 2, 0);
    const prefix = prefixLength === 0 ? {} : { prefix: begun, prefixLength };
    ({ cache } = await engine.prefill(history.slice(prefixLength), { ...prefix, signal }));
    await begun[Symbol.asyncDispose]();
  }
  try {
    const caches = await forks(cache, choices);
    return { ...held(caches), feed: tokens.slice(-1), history, cachedTokens, applied: [], skipped: [] };
  } catch (error) {
    await cache[Symbol.asyncDispose]();
    throw error;
  }
}

/** The cache itself and copies of it. On failure the copies are given back, the cache is not. */
async function forks(cache: KvCache, count: number): Promise<KvCache[]> {
  const caches = [cache];
  try {
    while (caches.length < count) caches.push(await cache.fork());
    return caches;
  } catch (error) {
    await Promise.all(caches.slice(1).map((copy) => copy[Symbol.asyncDispose]()));
    throw error;
  }
}

function held(caches: readonly KvCache[]): Pick<PreparedAnswer, 'caches' | typeof Symbol.asyncDispose> {
  return {
    caches,
    async [Symbol.asyncDispose]() {
      await Promise.all(caches.map((cache) => cache[Symbol.asyncDispose]()));
    },
  };
}

/** A resolved plan as `applyPlan` takes it: it counts positions from the end. */
function fromEnd(length: number) {
  return (plan: ResolvedPlan) => ({ ...plan, position: length - plan.position });
}
