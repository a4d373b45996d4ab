import type { Tokenizer } from '../../engine/engine.ts';

/** One generated token as clients see it. */
export interface TokenPiece {
  readonly text: string;
  readonly logprob: number;
  /** UTF-8, or null where the token is a part of a character. */
  readonly bytes: readonly number[] | null;
  /** Characters of the answer before it. */
  readonly offset: number;
}

/**
 * Log-probabilities beside a streamed text. Text is held back while it may be the beginning of a stop text; the tokens of
 * held text are held as well, and those of a stop text never come out.
 */
export class TokenPieces {
  readonly #tokenizer: Tokenizer;
  readonly #held: TokenPiece[] = [];
  #offset = 0;

  constructor(tokenizer: Tokenizer) {
    this.#tokenizer = tokenizer;
  }

  push(token: number, logprob: number): void {
    const text = this.#tokenizer.decode([token], { skipSpecialTokens: false });
    const bytes = text.includes('\ufffd') ? null : [...new TextEncoder().encode(text)];
    this.#held.push({ text, logprob, bytes, offset: this.#offset });
    this.#offset += text.length;
  }

  /** What goes out with a text that is not empty. */
  release(): TokenPiece[] {
    return this.#held.splice(0);
  }

  /** What goes out at the end: those that begin within an answer of `length` characters. */
  finish(length: number): TokenPiece[] {
    return this.#held.splice(0).filter(({ offset }) => offset < length);
  }
}
