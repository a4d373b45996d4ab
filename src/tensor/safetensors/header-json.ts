/**
 * A scanner for the one JSON shape that a safetensors header may have:
 * `{ "__metadata__": { string: string }, name: { "dtype": string, "shape": [ints], "data_offsets": [int, int] } }`.
 * JSON.parse is not enough: it lets the last of two equal keys win, which hides tensors, and rounds large integers.
 * The grammar is fixed, so there is no recursion and no depth to bound.
 */
import { InvalidFileError } from '../../errors.ts';
import type { SafetensorsLimits } from './limits.ts';

/** One tensor as written, its numbers and type not yet checked against each other. */
export interface RawTensorEntry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly offsets: readonly number[];
}

export interface RawHeader {
  readonly entries: Map<string, RawTensorEntry>;
  readonly metadata: Record<string, string>;
}

const whitespace = /[ \t\n\r]*/y;
const integer = /(?:0|[1-9][0-9]*)(?![0-9.eE])/y;
const loneSurrogate = /\p{Surrogate}/u;

/** @throws InvalidFileError for anything but the shape above, duplicate keys included. */
export function parseHeaderJson(text: string, path: string, limits: Required<SafetensorsLimits>): RawHeader {
  let at = 0;

  const fail = (expected: string): never => {
    const found = at < text.length ? `'${text.slice(at, at + 12)}'` : 'the end of the header';
    throw new InvalidFileError(
      path,
      `The safetensors header is not valid: expected ${expected} at character ${at}, found ${found}. ` +
        'The file is damaged or is not safetensors: download or write it again.',
    );
  };

  const skipWhitespace = (): void => {
    whitespace.lastIndex = at;
    whitespace.test(text);
    at = whitespace.lastIndex;
  };

  const accept = (symbol: string): boolean => {
    skipWhitespace();
    if (text[at] !== symbol) return false;
    at++;
    return true;
  };

  const expect = (symbol: string): void => {
    if (!accept(symbol)) fail(`'${symbol}'`);
  };

  const string = (what: string): string => {
    skipWhitespace();
    if (text[at] !== '"') fail(what);
    let end = at + 1;
    for (; end < text.length; end++) {
      const code = text.charCodeAt(end);
      if (code === 0x22) break;
      if (code === 0x5c) end++;
    }
    let value: unknown;
    try {
      value = JSON.parse(text.slice(at, end + 1));
    } catch {
      return fail(`${what} (a well-formed JSON string)`);
    }
    // A lone surrogate has no UTF-8 form: two such names would collide once written out.
    if (typeof value !== 'string' || loneSurrogate.test(value)) return fail(`${what} (valid Unicode)`);
    at = end + 1;
    return value;
  };

  const nonNegativeInteger = (what: string): number => {
    skipWhitespace();
    integer.lastIndex = at;
    const digits = integer.exec(text)?.[0];
    const value = Number(digits);
    if (digits === undefined || !Number.isSafeInteger(value)) {
      return fail(`${what} (an integer from 0 to ${Number.MAX_SAFE_INTEGER})`);
    }
    at += digits.length;
    return value;
  };

  const integers = (what: string, max: number): number[] => {
    const values: number[] = [];
    expect('[');
    if (accept(']')) return values;
    do {
      if (values.length === max) fail(`at most ${max} entries in ${what}`);
      values.push(nonNegativeInteger(`an entry of ${what}`));
    } while (accept(','));
    expect(']');
    return values;
  };

  /** `{ key: value, ... }`; `member` reads the value. Keys are told apart by a Set, never as object properties. */
  const object = (what: string, member: (key: string) => void): void => {
    const seen = new Set<string>();
    expect('{');
    if (accept('}')) return;
    do {
      const key = string(`a key of ${what}`);
      if (seen.has(key)) fail(`each key of ${what} once (${JSON.stringify(key)} comes twice)`);
      seen.add(key);
      expect(':');
      member(key);
    } while (accept(','));
    expect('}');
  };

  const tensorEntry = (name: string): RawTensorEntry => {
    const what = `tensor ${JSON.stringify(name)}`;
    let dtype: string | undefined;
    let shape: readonly number[] | undefined;
    let offsets: readonly number[] | undefined;
    object(what, (key) => {
      if (key === 'dtype') dtype = string(`the dtype of ${what}`);
      else if (key === 'shape') shape = integers(`the shape of ${what}`, limits.maxDims);
      else if (key === 'data_offsets') offsets = integers(`the data_offsets of ${what}`, 2);
      else fail(`only dtype, shape and data_offsets in ${what}, not ${JSON.stringify(key)}`);
    });
    if (dtype === undefined || shape === undefined || offsets === undefined) {
      return fail(`dtype, shape and data_offsets in ${what}`);
    }
    return { dtype, shape, offsets };
  };

  const entries = new Map<string, RawTensorEntry>();
  // No prototype: a metadata key `__proto__` is a key like any other.
  const metadata: Record<string, string> = Object.create(null);

  // The format lets whitespace follow the object, not precede it.
  if (text[0] !== '{') fail("'{'");
  object('the header', (name) => {
    if (name === '__metadata__') {
      object('__metadata__', (key) => {
        metadata[key] = string(`the text of metadata ${JSON.stringify(key)}`);
      });
    } else {
      if (entries.size === limits.maxTensors) fail(`at most ${limits.maxTensors} tensors`);
      entries.set(name, tensorEntry(name));
    }
  });
  skipWhitespace();
  if (at !== text.length) fail('nothing but whitespace after the header object');
  return { entries, metadata };
}
