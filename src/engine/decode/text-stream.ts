/** Text out of tokens as they come, at a cost per token that does not grow with the text. */
import type { Tokenizer } from '../engine.ts';
import { createStopMatcher } from './stop-texts.ts';

export interface TextStreamOptions {
  /** The text ends before the first of these; each of at least one character. Default: none. */
  readonly stop?: readonly string[];
  /** Default true. */
  readonly skipSpecialTokens?: boolean;
}

export interface TextStream {
  /** A stop text was met: the text is complete, and `push` and `finish` give nothing more. */
  readonly stopped: boolean;
  /**
   * The text that this token settles. Held back: a character whose bytes are incomplete (a trailing U+FFFD), and what
   * may be the beginning of a stop text. It can be empty.
   */
  push(token: number): string;
  /** What was still held back. Call it once, after the last token. */
  finish(): string;
}

/**
 * All pieces together equal `tokenizer.decode` of all tokens at once, cut before the first stop text.
 *
 * Each push decodes a short window. The window begins anew at a token as soon as decoding before and after it separately
 * gives the same as together, that is, where no character lies across the border.
 */
export function createTextStream(
  tokenizer: Pick<Tokenizer, 'decode'>,
  options: TextStreamOptions = {},
): TextStream {
  const { stop = [], skipSpecialTokens = true } = options;
  const matcher = createStopMatcher(stop);
  const decode = (tokens: readonly number[]) => tokenizer.decode(tokens, { skipSpecialTokens });
  let window: number[] = [];
  /** decode(window) */
  let text = '';
  /** Units of `text` given to the matcher. */
  let given = 0;
  let stopped = false;

  /** Text up to `end` of the window that the matcher has not seen. */
  function match(end: number): string {
    const piece = text.slice(given, end);
    given = Math.max(given, end);
    const found = matcher.push(piece);
    stopped = found.stopped;
    return found.text;
  }

  return {
    get stopped() {
      return stopped;
    },
    push(token) {
      if (stopped) return '';
      const before = text;
      window.push(token);
      text = decode(window);
      const alone = decode([token]);
      if (alone === '' && text === before && decode([token, token]) === '') {
        // A skipped special token changes nothing that follows; a lone "▁", first in a text, decodes to nothing too,
        // but shows when it is repeated.
        window.pop();
        return '';
      }
      // Decoding an incomplete sequence of bytes ends in exactly one U+FFFD; what is before it cannot change.
      const piece = match(text.endsWith('\ufffd') ? text.length - 1 : text.length);
      // SentencePiece decoders drop the blank before the first word: then the border shows one blank less.
      if (alone !== '' && (text === before + alone || text === `${before} ${alone}`)) {
        given -= text.length - alone.length;
        window = [token];
        text = alone;
      }
      return piece;
    },
    finish() {
      if (stopped) return '';
      const piece = match(text.length);
      return stopped ? piece : piece + matcher.rest();
    },
  };
}
