import { randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { InvalidFileError } from '../errors.ts';
import type { Question } from './question.ts';

/**
 * Writes questions as JSONL, which `loadQuestions` reads back the same: `id`, `question`, `choices`, `answer`,
 * `rationale`, `source`, `license`. Beside the target first, then renamed over it; missing folders are made.
 *
 * @throws InvalidFileError if it cannot be written; the signal's reason.
 */
export async function saveQuestions(
  questions: Iterable<Question>,
  path: string,
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<void> {
  const beside = `${path}.${randomUUID()}.tmp`;
  try {
    await mkdir(dirname(path), { recursive: true });
    const options = signal ? { signal } : {};
    await pipeline(Readable.from(linesOf(questions)), createWriteStream(beside, { flags: 'wx' }), options);
    await rename(beside, path);
  } catch (cause) {
    await rm(beside, { force: true }).catch(() => {});
    signal?.throwIfAborted();
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new InvalidFileError(path, `cannot be written: ${why}. Check the path and the disk.`, { cause });
  }
}

function* linesOf(questions: Iterable<Question>): Generator<string> {
  for (const { id, question, choices, answer, rationale, source, licence } of questions) {
    yield `${JSON.stringify({ id, question, choices, answer, rationale, source, license: licence })}\n`;
  }
}
