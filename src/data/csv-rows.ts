import { createReadStream } from 'node:fs';
import { pipeline, Readable } from 'node:stream';
import { InvalidFileError } from '../errors.ts';
import type { Row, RowOptions } from './rows.ts';

const MAX_RECORD_BYTES = 4 * 2 ** 20;
/** Bad records one after the other: more mean that the file is something else. */
const MAX_BAD_RUN = 10_000;

/**
 * The rows of a CSV file with a head line, by its names; quotes and line breaks in cells as RFC 4180 has them. A
 * record with too many or too few cells is a bad row.
 *
 * @throws InvalidFileError for text that is not UTF-8, a quote that is never closed, a head line with a name twice.
 */
export async function* readCsvRows(
  path: string,
  delimiter: ',' | '\t',
  { signal, onBadRow }: RowOptions,
): AsyncGenerator<Row> {
  const { parse } = await import('csv-parse');
  let fatal: Error | null = null;
  /** The parser runs ahead of whoever takes the rows: bad ones are told of in their places. */
  const bad: BadRow[] = [];
  const tellBefore = (end: number) => {
    while (bad[0] !== undefined && bad[0].line < end) {
      const { line, why } = bad.shift()!;
      onBadRow(line, why);
    }
  };
  const parser = parse({
    delimiter,
    bom: true,
    columns: (names: readonly string[]) => headOf(path, names),
    info: true,
    max_record_size: MAX_RECORD_BYTES,
    skip_empty_lines: true,
    skip_records_with_error: true,
    on_skip: (error) => {
      // These swallow rows beyond their own.
      const swallows = error && /^CSV_(QUOTE_NOT_CLOSED|MAX_RECORD_SIZE)$/.test(error.code);
      if (error && (swallows || bad.length >= MAX_BAD_RUN)) fatal ??= error;
      else bad.push({ line: Number(error?.lines ?? 0), why: error?.message ?? 'the record cannot be read.' });
      return undefined;
    },
  });
  pipeline(Readable.from(textOf(path, signal)), parser, () => {
    // The parser is destroyed with the error, which the loop below throws.
  });
  try {
    for await (const { record, info } of parser as AsyncIterable<CsvRecord>) {
      tellBefore(info.lines);
      yield { line: info.lines, value: record };
    }
    if (fatal) throw fatal;
    tellBefore(Infinity);
  } catch (cause) {
    signal?.throwIfAborted();
    if (cause instanceof InvalidFileError) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new InvalidFileError(path, `is not CSV as expected: ${why}.`, { cause });
  } finally {
    parser.destroy();
  }
}

interface BadRow {
  readonly line: number;
  readonly why: string;
}

interface CsvRecord {
  readonly record: Readonly<Record<string, string>>;
  /** `lines`: the line that the record ends on. */
  readonly info: { readonly lines: number };
}

function headOf(path: string, names: readonly string[]): string[] {
  const head = names.map((name, index) => name.trim() || `column ${index + 1}`);
  const twice = head.find((name, index) => head.indexOf(name) !== index);
  if (twice === undefined) return head;
  throw new InvalidFileError(path, `has two columns named "${twice}" in its head line. Rename one.`);
}

/** Text of any other encoding would be read wrongly without a word. */
async function* textOf(path: string, signal: AbortSignal | undefined): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  let read = 0;
  const decode = (bytes?: Uint8Array) => {
    try {
      return decoder.decode(bytes, { stream: bytes !== undefined });
    } catch (cause) {
      throw new InvalidFileError(
        path,
        `expected UTF-8 text, found other bytes after byte ${read}. Save it as UTF-8.`,
        { cause },
      );
    }
  };
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    signal?.throwIfAborted();
    yield decode(chunk);
    read += chunk.length;
  }
  yield decode();
}
