import stringWidth from 'string-width';

const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' });
const TAB = '    ';

/**
 * Breaks a text into lines of at most `width` columns: at its own line breaks, else between words, else (a word wider than the
 * line) between characters as readers see them. Wide characters count two columns. Leading blanks of a line stay.
 *
 * @returns at least one line; no line holds a control character, so a model's output cannot move the cursor.
 */
export function wrapText(text: string, width: number): string[] {
  const limit = Math.max(1, Math.floor(width));
  return printable(text)
    .split('\n')
    .flatMap((line) => wrapLine(line, limit));
}

/** Tabs become blanks; other control characters, escape sequences among them, a visible sign. */
export function printable(text: string): string {
  return (
    text
      .replace(/\r\n?/g, '\n')
      .replaceAll('\t', TAB)
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not reach the terminal
      .replace(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, '\ufffd')
  );
}

function wrapLine(line: string, limit: number): string[] {
  const lines: string[] = [];
  let current = '';
  let columns = 0;
  const flush = () => {
    lines.push(current.trimEnd());
    current = '';
    columns = 0;
  };
  for (const part of line.match(/\s+|\S+/gu) ?? []) {
    const width = stringWidth(part);
    if (columns + width <= limit) {
      // The blank that a line was broken at is not carried over; the indentation of a first line is.
      if (columns === 0 && lines.length > 0 && part.trim() === '') continue;
      current += part;
      columns += width;
      continue;
    }
    if (part.trim() === '') {
      if (columns > 0) flush();
      continue;
    }
    if (columns > 0) flush();
    for (const { segment } of graphemes.segment(part)) {
      const cell = stringWidth(segment);
      if (columns > 0 && columns + cell > limit) flush();
      current += segment;
      columns += cell;
    }
  }
  if (current !== '' || lines.length === 0) flush();
  return lines;
}

/** Blanks after (or before) `text` up to `width` columns; colour codes take none. */
export function pad(text: string, width: number, side: 'left' | 'right' = 'right'): string {
  const blanks = ' '.repeat(Math.max(0, width - stringWidth(text)));
  return side === 'right' ? text + blanks : blanks + text;
}

/** `text` in at most `width` columns, with an ellipsis where something was cut. */
export function truncate(text: string, width: number): string {
  const plain = printable(text).replaceAll('\n', ' ');
  if (stringWidth(plain) <= width) return plain;
  let kept = '';
  let columns = 0;
  for (const { segment } of graphemes.segment(plain)) {
    columns += stringWidth(segment);
    if (columns > width - 1) break;
    kept += segment;
  }
  return `${kept}…`;
}
