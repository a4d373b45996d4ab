/** Finds the first stop text in a stream of text pieces; each UTF-16 unit is looked at once (Knuth-Morris-Pratt). */

export interface StopMatch {
  /** The piece's text that is safe to give out: it can no longer be part of a stop text. */
  readonly text: string;
  /** A stop text was met; `text` ends before it and the matcher gives nothing more. */
  readonly stopped: boolean;
}

export interface StopMatcher {
  push(piece: string): StopMatch;
  /** What was held back as the possible beginning of a stop text. */
  rest(): string;
}

/**
 * The stop text that is complete first wins; of several that end together, the one that began first. So the cut is the
 * same however the text was divided into pieces.
 *
 * @param stops each of at least one character.
 */
export function createStopMatcher(stops: readonly string[]): StopMatcher {
  const patterns = stops.map((text) => ({ text, failure: failureTable(text), matched: 0 }));
  let held = '';
  let done = false;

  return {
    push(piece) {
      if (done) return { text: '', stopped: true };
      const text = held + piece;
      for (let i = held.length; i < text.length; i++) {
        const unit = text.charCodeAt(i);
        let longest = 0;
        for (const pattern of patterns) {
          advance(pattern, unit);
          if (pattern.matched === pattern.text.length) longest = Math.max(longest, pattern.matched);
        }
        if (longest > 0) {
          done = true;
          held = '';
          return { text: text.slice(0, i + 1 - longest), stopped: true };
        }
      }
      const holding = patterns.reduce((most, { matched }) => Math.max(most, matched), 0);
      held = text.slice(text.length - holding);
      return { text: text.slice(0, text.length - holding), stopped: false };
    },
    rest() {
      const text = held;
      held = '';
      done = true;
      return text;
    },
  };
}

interface Pattern {
  readonly text: string;
  readonly failure: Int32Array;
  /** Units of the text that the stream's end matches; less than all of them between pushes. */
  matched: number;
}

function advance(pattern: Pattern, unit: number): void {
  const { text, failure } = pattern;
  let matched = pattern.matched;
  while (matched > 0 && text.charCodeAt(matched) !== unit) matched = failure[matched - 1]!;
  pattern.matched = text.charCodeAt(matched) === unit ? matched + 1 : 0;
}

/** failure[i]: length of the longest proper prefix of text[0..i] that is also its suffix. */
function failureTable(text: string): Int32Array {
  const failure = new Int32Array(text.length);
  let matched = 0;
  for (let i = 1; i < text.length; i++) {
    while (matched > 0 && text[i] !== text[matched]) matched = failure[matched - 1]!;
    if (text[i] === text[matched]) matched++;
    failure[i] = matched;
  }
  return failure;
}
