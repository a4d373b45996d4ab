import type { Engine, KvCache } from '../engine/engine.ts';
import { InvalidArgumentError } from '../errors.ts';
import type { Offset } from '../pairs/offset-token.ts';
import { applyPlan } from '../steer/apply-plan.ts';
import type { SteeringPlan } from '../steer/plan.ts';
import { tokenizePrompt } from '../steer/prompt.ts';
import { keepHeads, type ScoredHead } from '../vectors/prune.ts';
import { firstSteeredLayer, headNorms } from '../vectors/statistics.ts';
import type { SteeringVector } from '../vectors/vector.ts';
import { forcedLogProb } from './forced-answer.ts';
import type { ForcedQuestion } from './key-effects.ts';

export interface AblateOptions {
  /** As of a plan; default: the vector's recommendation. */
  readonly values?: number;
  readonly keys?: number;
  /**
   * Most heads that are tried, those with the largest value norm first; the others keep the score 0. Default all in the
   * layers from 1 on.
   */
  readonly most?: number;
  /** Default: what the chat template puts there itself. */
  readonly system?: string;
  /** Default `"\n"`. */
  readonly offset?: Offset;
  readonly signal?: AbortSignal;
  /** In forced answers: two a question for each head, and two for the whole vector. */
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
}

/**
 * What each head of a vector is worth: how much the teacher-forced gap (mean log-probability a token of a worked solution,
 * less that of the bare answer) falls when this head alone is left out of the edit, mean over questions, in nats a token.
 * Heads with a score below 0 work against the vector.
 *
 * Costs 2 x questions x (heads + 1) forced answers; prompts are prefilled once each.
 *
 * @returns a score a head of the layers from 1 on, for `chooseHeads`.
 * @throws InvalidArgumentError for no questions or `most` below 1; what prefill and the edit throw; the signal's reason.
 */
export async function ablateHeads(
  engine: Engine,
  vector: SteeringVector,
  questions: readonly ForcedQuestion[],
  options: AblateOptions = {},
): Promise<ScoredHead[]> {
  const { values, keys, system, offset = '\n', signal, onProgress } = options;
  if (questions.length === 0) {
    throw new InvalidArgumentError('questions', 'There is nothing to measure: give at least one question.');
  }
  const candidates = candidatesOf(vector, options.most);
  const { layers, kvHeads } = vector.model;
  const every = Array.from({ length: kvHeads }, (_, head) => head);
  const without = ({ layer, head }: ScoredHead) =>
    keepHeads(
      vector,
      Array.from({ length: layers }, (_, l) => every.filter((h) => l !== layer || h !== head)),
    );
  const planOf = (of: SteeringVector): SteeringPlan => ({
    vector: of,
    ...(values !== undefined && { values }),
    ...(keys !== undefined && { keys }),
  });
  const losses = new Float64Array(candidates.length);
  const total = 2 * questions.length * (candidates.length + 1);
  let done = 0;
  for (const { question, trace, short } of questions) {
    signal?.throwIfAborted();
    const { tokens } = tokenizePrompt(question, engine.tokenizer, {
      offset,
      ...(system !== undefined && { system }),
    });
    const { cache } = await engine.prefill(tokens.slice(0, -1), { ...(signal && { signal }) });
    await using _ = cache;
    const answers = [trace, short].map((answer) => engine.tokenizer.encode(answer)) as [number[], number[]];
    const gap = async (of: SteeringVector) => {
      const found = await gapOf(engine, cache, planOf(of), tokens.at(-1)!, answers, signal);
      done += 2;
      onProgress?.({ done, total });
      return found;
    };
    const whole = await gap(vector);
    for (const [i, candidate] of candidates.entries()) {
      losses[i]! += (whole - (await gap(without(candidate)))) / questions.length;
    }
  }
  return candidates.map(({ layer, head }, i) => ({ layer, head, score: losses[i]! }));
}

/** Heads to try, largest value norm first. */
function candidatesOf(vector: SteeringVector, most?: number): ScoredHead[] {
  if (most !== undefined && (!Number.isSafeInteger(most) || most < 1)) {
    throw new InvalidArgumentError('most', `most must be an integer >= 1, not ${most}.`);
  }
  const { layers, headDim } = vector.model;
  const from = firstSteeredLayer(layers);
  return headNorms(vector.values, layers, headDim)
    .flatMap((norms, layer) => (layer < from ? [] : norms.map((score, head) => ({ layer, head, score }))))
    .sort((a, b) => b.score - a.score)
    .slice(0, most);
}

async function gapOf(
  engine: Engine,
  cache: KvCache,
  plan: SteeringPlan,
  feed: number,
  [trace, short]: readonly [readonly number[], readonly number[]],
  signal: AbortSignal | undefined,
): Promise<number> {
  await using edited = await cache.fork();
  await applyPlan(edited, plan, engine);
  const worked = await forcedLogProb(engine, edited, feed, trace, signal);
  return worked - (await forcedLogProb(engine, edited, feed, short, signal));
}
