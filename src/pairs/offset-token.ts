import type { Tokenizer } from '../engine/engine.ts';
import { InvalidArgumentError } from '../errors.ts';

/** A text that is one token (e.g. `"\n"`), a token id, or null for none. */
export type Offset = string | number | null;

/**
 * The id of the offset token: the token appended to a prompt so that the prompt's own last token is cached and can be
 * edited before anything is generated (arXiv 2507.08799, section 3).
 *
 * @returns the id, or null for `null`.
 * @throws InvalidArgumentError if the text is not exactly one token, or the id is outside the vocabulary.
 */
export function offsetTokenId(offset: Offset, tokenizer: Tokenizer): number | null {
  if (offset === null) return null;
  if (typeof offset === 'number') {
    if (Number.isSafeInteger(offset) && offset >= 0 && offset < tokenizer.vocabSize) return offset;
    throw new InvalidArgumentError(
      'offset',
      `The offset token must be an id from 0 to ${tokenizer.vocabSize - 1}, not ${offset}.`,
    );
  }
  const tokens = tokenizer.encode(offset);
  if (tokens.length !== 1) {
    throw new InvalidArgumentError(
      'offset',
      `The offset text must be exactly one token of this model, but ${JSON.stringify(offset)} is ` +
        `${tokens.length} (${tokens.join(', ')}). Choose another text, give a token id, or null for none.`,
    );
  }
  return tokens[0]!;
}
