/** CTRL's repetition penalty (Keskar et al. 2019, section 4.1), as transformers' RepetitionPenaltyLogitsProcessor applies it. */

const LARGEST_FLOAT32 = 3.4028234663852886e38;

export interface RepetitionPenalty {
  /** Scores with the penalty, [V]: the caller's logits are not changed; valid until the next call. */
  apply(logits: Float32Array): Float32Array;
  /** Counts a token as seen from now on. */
  add(token: number): void;
}

/**
 * Positive scores of seen tokens are divided by `penalty`, the others multiplied, once however often a token was seen.
 * Results past float32's range are held at its end, so they stay comparable.
 *
 * @param penalty (0, 10]; above 1 makes repetition less likely.
 * @param seen lists of token ids in [0, vocabSize).
 */
export function createRepetitionPenalty(
  penalty: number,
  vocabSize: number,
  seen: readonly (readonly number[])[],
): RepetitionPenalty {
  const tokens = new Set(seen.flat());
  const scores = new Float32Array(vocabSize);
  return {
    apply(logits) {
      scores.set(logits);
      for (const token of tokens) {
        const score = scores[token]!;
        const changed = score > 0 ? score / penalty : score * penalty;
        scores[token] = Math.max(-LARGEST_FLOAT32, Math.min(LARGEST_FLOAT32, changed));
      }
      return scores;
    },
    add(token) {
      tokens.add(token);
    },
  };
}
