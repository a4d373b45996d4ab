import { createReadStream } from 'node:fs';
import { InvalidFileError } from '../errors.ts';

export interface JsonLinesLimits {
  /** Bytes of a line. Default 4 MiB. */
  readonly maxLineBytes?: number;
  /** Lines that are not blank. Default 100,000. */
  readonly maxLines?: number;
  /** Bytes of the file. Default 1 GiB. */
  readonly maxBytes?: number;
  readonly signal?: AbortSignal;
  /** Told of a line that is not JSON in UTF-8, which is then left out; without it such a line throws. */
  readonly onBadLine?: (line: number, why: string) => void;
}

export interface JsonLine {
  /** Counted from 1, blank lines included. */
  readonly line: number;
  readonly value: unknown;
}

/**
 * The values of a JSONL file (UTF-8, `\n` or `\r\n`, blank lines skipped), one at a time, so a file of any size
 * takes the memory of its longest line.
 *
 * @throws InvalidFileError naming the line for bad JSON or UTF-8 or a limit passed, or if the file cannot be read;
 * the signal's reason.
 */
export async function* readJsonLines(path: string, limits: JsonLinesLimits = {}): AsyncGenerator<JsonLine> {
  const { maxLineBytes = 4 * 2 ** 20, maxLines = 100_000, maxBytes = 2 ** 30, signal, onBadLine } = limits;
  let line = 0;
  let values = 0;
  for await (const bytes of splitLines(path, maxLineBytes, maxBytes, signal)) {
    line++;
    let value: unknown;
    try {
      const text = decodeLine(bytes);
      if (text.trim() === '') continue;
      value = parseLine(text);
    } catch (cause) {
      if (!(cause instanceof BadLine)) throw cause;
      if (!onBadLine)
        throw new InvalidFileError(path, `line ${line}: ${cause.message}`, { cause: cause.cause });
      onBadLine(line, cause.message);
      continue;
    }
    if (++values > maxLines) {
      throw new InvalidFileError(path, `line ${line}: more than ${maxLines} entries. Split the file.`);
    }
    yield { line, value };
  }
}

async function* splitLines(
  path: string,
  maxLineBytes: number,
  maxBytes: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  let pieces: Uint8Array[] = [];
  let held = 0;
  let read = 0;
  let line = 1;
  const hold = (piece: Uint8Array) => {
    held += piece.length;
    if (held > maxLineBytes) {
      throw new InvalidFileError(
        path,
        `line ${line}: longer than ${maxLineBytes} bytes. Is this a JSONL file?`,
      );
    }
    pieces.push(piece);
  };
  const take = () => {
    const whole = Buffer.concat(pieces, held);
    pieces = [];
    held = 0;
    line++;
    return whole;
  };
  for await (const chunk of readChunks(path)) {
    signal?.throwIfAborted();
    read += chunk.length;
    if (read > maxBytes) throw new InvalidFileError(path, `larger than ${maxBytes} bytes. Split the file.`);
    let from = 0;
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, from)) {
      hold(chunk.subarray(from, end));
      yield take();
      from = end + 1;
    }
    hold(chunk.subarray(from));
  }
  if (held > 0) yield take();
}

async function* readChunks(path: string): AsyncGenerator<Buffer> {
  try {
    yield* createReadStream(path) as AsyncIterable<Buffer>;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new InvalidFileError(path, `cannot be read: ${why}. Check the path.`, { cause });
  }
}

class BadLine extends Error {}

function decodeLine(bytes: Uint8Array): string {
  try {
    // A byte order mark at the start is dropped by the decoder.
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new BadLine('expected UTF-8 text, found other bytes.', { cause });
  }
}

function parseLine(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new BadLine(`expected one JSON value, found something else (${why}).`, { cause });
  }
}
