import type { Engine, KvCache } from '../engine/engine.ts';
import { InvalidArgumentError } from '../errors.ts';
import { logSumExp } from '../tensor/logits.ts';

/** Logits held at once: 32 MiB of float32. A long answer over a large vocabulary would take gigabytes. */
const maxLogits = 2 ** 23;

/**
 * Teacher forcing: the mean log-probability (natural logarithm) of a given answer's tokens, as the model would have
 * had to choose them one after the other. The end-of-answer token is not scored.
 *
 * @param cache the prompt, edited or not; it is left as it is.
 * @param feed token that follows the cache; its logits score the answer's first token.
 * @param answer at least one token.
 * @throws InvalidArgumentError for an empty answer; ContextOverflowError; the signal's reason.
 */
export async function forcedLogProb(
  engine: Engine,
  cache: KvCache,
  feed: number,
  answer: readonly number[],
  signal?: AbortSignal,
): Promise<number> {
  if (answer.length === 0) {
    throw new InvalidArgumentError('answer', 'The answer to score has no tokens. Give it a text.');
  }
  const { vocabSize } = engine.model;
  const rows = Math.max(1, Math.floor(maxLogits / vocabSize));
  const read = [feed, ...answer.slice(0, -1)];
  let sum = 0;
  let prefix = cache;
  try {
    for (let from = 0; from < read.length; from += rows) {
      const tokens = read.slice(from, from + rows);
      const at = tokens.map((_, i) => i);
      const grown = await engine.prefill(tokens, { prefix, at, ...(signal && { signal }) });
      if (prefix !== cache) await prefix[Symbol.asyncDispose]();
      prefix = grown.cache;
      for (const i of at) {
        const logits = grown.logits.subarray(i * vocabSize, (i + 1) * vocabSize); // [V]
        sum += logits[answer[from + i]!]! - logSumExp(logits);
      }
    }
  } finally {
    if (prefix !== cache) await prefix[Symbol.asyncDispose]();
  }
  return sum / answer.length;
}
