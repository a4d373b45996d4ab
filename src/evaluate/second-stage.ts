import type { Engine, KvCache, ResidualOffset, Tokenizer } from '../engine/engine.ts';
import { UnsupportedModelError } from '../errors.ts';

/** What the paper appends to an answer to force a choice (arXiv 2507.08799, evaluation). */
const LEAD = '\n\nSo the correct choice is';

/** The tokens that force a choice: what is appended, and the id of each letter that may follow. */
export interface ChoiceTokens {
  readonly lead: readonly number[];
  /** Of A, B, C and so on. */
  readonly letters: readonly number[];
}

/**
 * @param count choices, 2 to 26.
 * @throws UnsupportedModelError where the tokenizer has no single token for each letter, with a blank before it or without.
 */
export function choiceTokens(tokenizer: Tokenizer, count: number): ChoiceTokens {
  const letters = Array.from({ length: count }, (_, i) => String.fromCharCode(65 + i));
  for (const blank of [' ', '']) {
    const ids = letters.map((letter) => tokenizer.encode(blank + letter));
    if (ids.every((list) => list.length === 1)) {
      return { lead: tokenizer.encode(LEAD + (blank === '' ? ' ' : '')), letters: ids.map(([id]) => id!) };
    }
  }
  throw new UnsupportedModelError(
    `A choice is forced by the logits of its letter, but this tokenizer has no single token for each of ${letters.join(', ')}.`,
  );
}

/**
 * The second stage: the answer as it was given, then "So the correct choice is"; the letter whose logit is highest. It
 * goes on from the answer's own cache, so an edit and a residual offset act on it as on the answer.
 *
 * @param cache after the answer. @param unfed generated tokens that the cache does not hold yet, the end token not among them.
 * @returns a letter, or null where the context has no room for the lead.
 */
export async function forceChoice(
  engine: Engine,
  cache: KvCache,
  unfed: readonly number[],
  { lead, letters }: ChoiceTokens,
  options: { readonly residual?: readonly ResidualOffset[]; readonly signal?: AbortSignal },
): Promise<string | null> {
  const tokens = [...unfed, ...lead];
  if (cache.length + tokens.length > engine.model.contextLength) return null;
  const { cache: longer, logits } = await engine.prefill(tokens, { prefix: cache, ...options });
  await longer[Symbol.asyncDispose]();
  let best = 0;
  for (let i = 1; i < letters.length; i++) {
    if (logits[letters[i]!]! > logits[letters[best]!]!) best = i;
  }
  return String.fromCharCode(65 + best);
}
