/** From one row of logits to the next token. */
import { RuntimeFailureError } from '../../errors.ts';
import { type Random, seededRandom } from '../../tensor/random.ts';
import { type Candidates, selectCandidates } from './candidates.ts';
import type { CheckedGenerateOptions } from './generate-options.ts';
import { createRepetitionPenalty } from './repetition-penalty.ts';

/** A subset of what `checkGenerateOptions` gives; not checked again here. */
export type SamplingOptions = Pick<
  CheckedGenerateOptions,
  'temperature' | 'topK' | 'topP' | 'minP' | 'repetitionPenalty' | 'history' | 'feed' | 'seed' | 'logprobs'
>;

export interface SampledToken {
  readonly token: number;
  /** Natural logarithm of the token's probability in the softmax of the logits as given; only with `logprobs: true`. */
  readonly logprob?: number;
}

/** The sampling state of one sequence: its random numbers and the tokens that the repetition penalty has seen. */
export interface Sampler {
  /**
   * The next token of the sequence, which the repetition penalty sees from then on.
   *
   * @param logits [V], not changed.
   * @throws RuntimeFailureError where a logit is NaN or infinite, or their number is not V.
   */
  next(logits: Float32Array): SampledToken;
}

/**
 * Repetition penalty first, then greedy (temperature 0: the largest score, the lowest id among equals; one pass over V),
 * or one draw after temperature, top-k, top-p and min-p in this order, as in transformers' `generate`; see
 * `selectCandidates` for each rule. A draw takes one number of `seededRandom(seed)`; greedy takes none. Linear in V.
 *
 * @param vocabSize V
 */
export function createSampler(options: SamplingOptions, vocabSize: number): Sampler {
  const random = options.temperature > 0 ? seededRandom(options.seed) : null;
  const penalty =
    options.repetitionPenalty === 1
      ? null
      : createRepetitionPenalty(options.repetitionPenalty, vocabSize, [options.history, options.feed]);

  return {
    next(logits) {
      if (logits.length !== vocabSize) {
        throw new RuntimeFailureError(
          `The model gave ${logits.length} logits for a vocabulary of ${vocabSize}.`,
        );
      }
      const likeliest = finiteArgmax(logits);
      const scores = penalty === null ? logits : penalty.apply(logits);
      const best = penalty === null ? likeliest : finiteArgmax(scores);
      const token = random === null ? best : draw(selectCandidates(scores, scores[best]!, options), random);
      penalty?.add(token);
      return options.logprobs ? { token, logprob: logProbability(logits, token, likeliest) } : { token };
    },
  };
}

/** Index of the largest score, the lowest among equals. */
function finiteArgmax(scores: Float32Array): number {
  let best = 0;
  let largest = Number.NEGATIVE_INFINITY;
  // x * 0 is 0 for a finite x and NaN for any other: one sum tells whether all are finite.
  let zero = 0;
  for (let id = 0; id < scores.length; id++) {
    const score = scores[id]!;
    zero += score * 0;
    if (score > largest) {
      largest = score;
      best = id;
    }
  }
  if (zero !== 0) {
    const id = scores.findIndex((score) => !Number.isFinite(score));
    throw new RuntimeFailureError(
      `The model's logits must be finite, but that of token ${id} is ${scores[id]}. ` +
        'A steering coefficient may be too large, or the weights damaged.',
    );
  }
  return best;
}

function draw({ count, ids, weights, total }: Candidates, random: Random): number {
  let rest = random() * total;
  let token = ids[0]!;
  for (let i = 0; i < count; i++) {
    const weight = weights[i]!;
    if (weight === 0) continue;
    // The last token of positive weight stands, should rounding leave a rest.
    token = ids[i]!;
    rest -= weight;
    if (rest < 0) break;
  }
  return token;
}

function logProbability(logits: Float32Array, token: number, likeliest: number): number {
  const largest = logits[likeliest]!;
  let sum = 0;
  for (let id = 0; id < logits.length; id++) sum += Math.exp(logits[id]! - largest);
  return logits[token]! - largest - Math.log(sum);
}
