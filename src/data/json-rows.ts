import { readFile, stat } from 'node:fs/promises';
import { InvalidFileError } from '../errors.ts';
import { isFields } from './layouts.ts';
import type { Row } from './rows.ts';

/** A JSON file is read whole. */
const MAX_BYTES = 256 * 2 ** 20;

/**
 * The rows of a JSON file: a list, or an object with one list in it (`{"version": 1, "data": [...]}`).
 *
 * @throws InvalidFileError for any other value, bad JSON or UTF-8, or a file larger than 256 MiB.
 */
export async function* readJsonRows(path: string, signal: AbortSignal | undefined): AsyncGenerator<Row> {
  const { size } = await stat(path);
  if (size > MAX_BYTES) {
    throw new InvalidFileError(
      path,
      `is ${size} bytes of JSON; at most ${MAX_BYTES} are read. Save it as JSONL.`,
    );
  }
  const bytes = await readFile(path, signal ? { signal } : {});
  const list = listOf(parsed(bytes, path));
  if (list === null) {
    throw new InvalidFileError(path, 'expected a list of questions, or an object with one list in it.');
  }
  for (const [index, value] of list.entries()) yield { line: index + 1, value };
}

function parsed(bytes: Uint8Array, path: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new InvalidFileError(path, `expected JSON, found something else (${why}).`, { cause });
  }
}

function listOf(value: unknown): readonly unknown[] | null {
  if (Array.isArray(value)) return value;
  const lists = isFields(value) ? Object.values(value).filter((each) => Array.isArray(each)) : [];
  return lists.length === 1 ? lists[0]! : null;
}
