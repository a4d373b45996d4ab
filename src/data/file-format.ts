import { open } from 'node:fs/promises';
import { InvalidFileError } from '../errors.ts';

export type DataFormat = 'jsonl' | 'json' | 'csv' | 'tsv' | 'parquet';

const byExtension: Readonly<Record<string, DataFormat>> = {
  '.parquet': 'parquet',
  '.jsonl': 'jsonl',
  '.ndjson': 'jsonl',
  '.json': 'json',
  '.csv': 'csv',
  '.tsv': 'tsv',
};

/** Extensions of files that hold rows, with the dot; the better ones first. */
export const dataExtensions: readonly string[] = Object.keys(byExtension);

/** The format that a file's name tells; null for a name that tells none. */
export function formatOfName(path: string): DataFormat | null {
  const extension = /\.[a-z]+$/i.exec(path)?.[0].toLowerCase() ?? '';
  return byExtension[extension] ?? null;
}

const HEAD_BYTES = 64 * 1024;

/** What other files begin with, so that the message can name them. */
const others: readonly (readonly [start: string, what: string])[] = [
  ['\x1f\x8b', 'a gzip archive: unpack it first (gunzip)'],
  ['PK\x03\x04', 'a zip archive: unpack it first'],
  ['\x28\xb5\x2f\xfd', 'a Zstandard archive: unpack it first'],
  ['ARROW1', 'an Arrow file: save it as Parquet'],
  ['GGUF', 'a model'],
  [
    'version https://git-lfs',
    'the pointer of a file in large-file storage: fetch the file itself (git lfs pull)',
  ],
];

/**
 * The format of a file by its first bytes; where those leave it open, by its name. A `.json` file with an object on
 * each line is JSONL.
 *
 * @throws InvalidFileError where it is none of them; what the file system throws.
 */
export async function detectFormat(path: string): Promise<DataFormat> {
  const bytes = await headOf(path);
  const latin = Buffer.from(bytes).toString('latin1');
  if (latin.startsWith('PAR1')) return 'parquet';
  const named = formatOfName(path);
  const other = others.find(([start]) => latin.startsWith(start))?.[1];
  if (other !== undefined) throw unknown(path, other);
  const text = Buffer.from(bytes)
    .toString('utf8')
    .replace(/^\ufeff/, '')
    .trimStart();
  if (text === '') throw new InvalidFileError(path, 'is empty. Expected a question on each line or row.');
  if (named === 'csv' || named === 'tsv') return named;
  if (text.startsWith('[')) return 'json';
  if (text.startsWith('{')) return isWholeLine(text) || named === 'jsonl' ? 'jsonl' : 'json';
  if (text.startsWith('<')) throw unknown(path, 'a page of HTML or XML: give the address of the file itself');
  if (latin.includes('\0')) throw unknown(path, 'binary data of another kind');
  // A damaged first line is one malformed row, not another format.
  if (named === 'jsonl') return named;
  const line = text.split('\n', 1)[0]!;
  if (named === null && line.includes('\t')) return 'tsv';
  if (named === null && line.includes(',')) return 'csv';
  throw unknown(path, `a text that begins ${JSON.stringify(line.trim().slice(0, 40))}`);
}

/** Whether the first line is a JSON value by itself, so that the others are as well. */
function isWholeLine(text: string): boolean {
  const line = text.split('\n', 1)[0]!;
  try {
    JSON.parse(line);
    return true;
  } catch {
    return false;
  }
}

async function headOf(path: string): Promise<Uint8Array> {
  const file = await open(path).catch((cause: NodeJS.ErrnoException) => {
    const why = cause.code === 'ENOENT' ? 'there is no such file' : cause.message;
    throw new InvalidFileError(path, `cannot be read: ${why}. Check the path.`, { cause });
  });
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

function unknown(path: string, found: string): InvalidFileError {
  return new InvalidFileError(path, `expected JSONL, JSON, CSV or Parquet, found ${found}.`);
}
