/** The parts of an answer that holds its own working. */
export interface WorkedAnswer {
  readonly answer: string;
  /** Null where the text is the answer alone. */
  readonly steps: readonly string[] | null;
}

/**
 * Takes a published solution apart: GSM8K's (`... = <<48/2=24>>24 clips.\n#### 24`: calculator marks are dropped, each
 * line is a step) and MATH's (`... so $x = \boxed{7}$.`: paragraphs are steps). Any other text is the answer itself.
 */
export function workedAnswer(text: string): WorkedAnswer {
  const marked = /^####[ \t]*(\S.*)$/m.exec(text);
  if (marked) {
    return { answer: plainNumber(marked[1]!.trim()), steps: linesOf(text.slice(0, marked.index)) };
  }
  const boxed = lastBoxed(text);
  if (boxed) return { answer: boxed, steps: stepsOf(text) };
  return { answer: plainNumber(text.trim()), steps: null };
}

/** Steps of a text: its paragraphs where there are blank lines, else its lines; null where there are none. */
export function stepsOf(text: string): string[] | null {
  return /\n[ \t\r]*\n/.test(text.trim()) ? cleaned(text.split(/\n[ \t\r]*\n/)) : linesOf(text);
}

function linesOf(text: string): string[] | null {
  return cleaned(text.split('\n'));
}

function cleaned(parts: readonly string[]): string[] | null {
  const steps = parts
    .map((part) => unboxed(part.replace(/<<[^<>\n]*>>/g, '')).trim())
    .filter((part) => part !== '');
  return steps.length > 0 ? steps : null;
}

/** `1,250` to `1250`: answers are compared as numbers. */
function plainNumber(text: string): string {
  return /^[-+]?\d{1,3}(,\d{3})+(\.\d+)?$/.test(text) ? text.replaceAll(',', '') : text;
}

interface Boxed {
  readonly start: number;
  readonly end: number;
  readonly content: string;
}

/** The first `\boxed{...}` or `\fbox{...}` at or after `from`, braces balanced; null where there is none. */
function findBoxed(text: string, from: number): Boxed | null {
  const opening = /\\(?:boxed|fbox)\s*\{/g;
  opening.lastIndex = from;
  const match = opening.exec(text);
  if (!match) return null;
  const begin = opening.lastIndex;
  let depth = 1;
  for (let at = begin; at < text.length; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === '{') depth++;
    else if (text[at] === '}' && --depth === 0) {
      return { start: match.index, end: at + 1, content: text.slice(begin, at).trim() };
    }
  }
  return null;
}

function lastBoxed(text: string): string | null {
  let last: string | null = null;
  for (let found = findBoxed(text, 0); found; found = findBoxed(text, found.end)) last = found.content;
  return last === '' ? null : last;
}

function unboxed(text: string): string {
  let plain = '';
  let at = 0;
  for (let found = findBoxed(text, 0); found; found = findBoxed(text, found.end)) {
    plain += text.slice(at, found.start) + found.content;
    at = found.end;
  }
  return plain + text.slice(at);
}
