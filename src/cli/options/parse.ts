/** Texts of the command line to values. What does not parse is refused in commander's own way, which names the flag. */
import { InvalidArgumentError as BadValue } from 'commander';

export interface NumberRange {
  readonly min?: number;
  readonly max?: number;
  /** Exclusive lower bound. */
  readonly above?: number;
  readonly integer?: boolean;
}

/** A parser for one number in a range. */
export function number(range: NumberRange = {}): (text: string) => number {
  return (text) => {
    const value = text.trim() === '' ? Number.NaN : Number(text);
    const { min = -Infinity, max = Infinity, above = -Infinity, integer = false } = range;
    const right = integer ? Number.isSafeInteger(value) : Number.isFinite(value);
    if (!right || value < min || value > max || value <= above)
      throw new BadValue(`Expected ${describe(range)}.`);
    return value;
  };
}

function describe({ min, max, above, integer }: NumberRange): string {
  const kind = integer ? 'a whole number' : 'a number';
  const low = above !== undefined ? `above ${above}` : min !== undefined ? `from ${min}` : '';
  if (min !== undefined && max !== undefined) return `${kind} from ${min} to ${max}`;
  if (low !== '' && max !== undefined) return `${kind} ${low} up to ${max}`;
  return low === '' ? kind : `${kind} ${low}${min !== undefined ? ' up' : ''}`;
}

/** `1,2,4` to numbers; at most eight, as each is a column. */
export function numberList(text: string): number[] {
  const values = text.split(',').map(number());
  if (values.length > 8) throw new BadValue('Expected at most 8 numbers.');
  if (new Set(values).size < values.length) throw new BadValue('A number is there twice.');
  return values;
}

/** `\n`, `\t`, `\r`, `\0`, `\\`, `\xHH`, `\uHHHH` and `\u{H...}` as in JavaScript: a shell makes them hard to type. */
function unescapeText(text: string): string {
  return text.replace(/\\(x[0-9a-f]{2}|u[0-9a-f]{4}|u\{[0-9a-f]{1,6}\}|[\s\S]?)/gi, (whole, code: string) => {
    const plain = plainEscapes[code];
    if (plain !== undefined) return plain;
    const digits = /^[xu]\{?([0-9a-f]{2,})\}?$|^u\{([0-9a-f])\}$/i.exec(code);
    const point = Number.parseInt(digits?.[1] ?? digits?.[2] ?? '', 16);
    if (Number.isNaN(point) || point > 0x10ffff) {
      throw new BadValue(
        `"${whole}" is no escape known here. Use \\n, \\t, \\r, \\\\ (a backslash) or \\u{...}.`,
      );
    }
    return String.fromCodePoint(point);
  });
}

const plainEscapes: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  '0': '\0',
  '\\': '\\',
};

/** A text that may hold escapes and must not be empty. */
export function escapedText(text: string): string {
  if (text === '') throw new BadValue('Expected at least one character.');
  return unescapeText(text);
}

/** For a flag that may be given several times. */
export function collectTexts(text: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), escapedText(text)];
}
