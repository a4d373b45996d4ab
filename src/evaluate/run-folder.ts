import { type FileHandle, mkdir, open, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readJsonLines } from '../data/json-lines.ts';
import { InvalidArgumentError, InvalidFileError } from '../errors.ts';
import type { AnswerRecord, RunConfig, RunSummary } from './run.ts';

const CONFIG = 'config.json';
const ANSWERS = 'answers.jsonl';
const SUMMARY = 'summary.json';
/** A configuration holds few-shot examples at most. */
const MOST_JSON_BYTES = 16 * 2 ** 20;
const MOST_ANSWERS = 5_000_000;
/** To the disk itself; the operating system has each answer at once. */
const SYNC_EVERY_MS = 1000;

/** A run as it was written down. */
export interface StoredRun {
  readonly config: RunConfig;
  readonly answers: readonly AnswerRecord[];
  /** Null: not finished. */
  readonly summary: RunSummary | null;
}

/**
 * A run's folder, finished or not. A torn last line, left by a process that was killed, is left out.
 *
 * @throws InvalidFileError where it is no run, or a file of it is damaged.
 */
export async function readRun(folder: string): Promise<StoredRun> {
  const config = (await readJson(join(folder, CONFIG))) as RunConfig | null;
  if (config === null) {
    throw new InvalidFileError(
      folder,
      `is not a run: it has no ${CONFIG}. Give a folder that \`kvsteer eval --out\` wrote.`,
    );
  }
  requireConfig(config, join(folder, CONFIG));
  const answers = await readAnswers(join(folder, ANSWERS));
  const summary = (await readJson(join(folder, SUMMARY))) as RunSummary | null;
  return { config, answers, summary };
}

/** A run's folder that takes answers; dispose of it. */
export class RunFolder implements AsyncDisposable {
  /** What was answered before. */
  readonly answers: readonly AnswerRecord[];
  readonly #folder: string;
  readonly #file: FileHandle;
  #writing: Promise<unknown> = Promise.resolve();
  #syncedAt = performance.now();

  /**
   * Begins a run, or goes on with the one that the folder holds. A torn last line is cut off.
   *
   * @throws InvalidArgumentError where the folder holds a run of another configuration, naming what differs;
   * InvalidFileError where it is damaged.
   */
  static async open(folder: string, config: RunConfig): Promise<RunFolder> {
    await mkdir(folder, { recursive: true });
    const before = (await readJson(join(folder, CONFIG))) as RunConfig | null;
    if (before === null) await writeJson(join(folder, CONFIG), config);
    else requireSame(before, config, folder);
    const path = join(folder, ANSWERS);
    const file = await open(path, 'a+');
    try {
      await cutTornLine(file);
      return new RunFolder(folder, file, await readAnswers(path));
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  private constructor(folder: string, file: FileHandle, answers: readonly AnswerRecord[]) {
    this.#folder = folder;
    this.#file = file;
    this.answers = answers;
  }

  /** Resolves once the operating system has the answer: a process killed after that has not lost it. */
  append(answer: AnswerRecord): Promise<void> {
    const line = `${JSON.stringify(answer)}\n`;
    const written = this.#writing.then(async () => {
      await this.#file.appendFile(line);
      if (performance.now() - this.#syncedAt < SYNC_EVERY_MS) return;
      await this.#file.datasync();
      this.#syncedAt = performance.now();
    });
    this.#writing = written.catch(() => {});
    return written;
  }

  async finish(summary: RunSummary): Promise<void> {
    await this.#writing;
    await this.#file.datasync();
    await writeJson(join(this.#folder, SUMMARY), summary);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writing;
    await this.#file.close();
  }
}

/** Null where there is no such file. */
async function readJson(path: string): Promise<unknown> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null;
    throw error;
  });
  if (found === null) return null;
  if (found.size > MOST_JSON_BYTES) {
    throw new InvalidFileError(path, `larger than ${MOST_JSON_BYTES} bytes. This is not a file of a run.`);
  }
  try {
    return JSON.parse(await readFile(path, 'utf8'));
  } catch (cause) {
    throw new InvalidFileError(path, 'expected one JSON value. The file is damaged.', { cause });
  }
}

async function writeJson(path: string, value: unknown): Promise<void> {
  const beside = `${path}.${process.pid}.tmp`;
  await writeFile(beside, `${JSON.stringify(value, null, 2)}\n`);
  await rename(beside, path);
}

async function readAnswers(path: string): Promise<AnswerRecord[]> {
  const exists = await stat(path).then(
    () => true,
    () => false,
  );
  if (!exists) return [];
  const answers: AnswerRecord[] = [];
  const seen = new Set<string>();
  let bad: string | null = null;
  const onBadLine = (line: number, why: string) => {
    bad ??= `line ${line}: ${why}`;
  };
  for await (const { line, value } of readJsonLines(path, { maxLines: MOST_ANSWERS, onBadLine })) {
    // Only the last line can be torn; damage before it is damage.
    if (bad !== null) throw new InvalidFileError(path, bad);
    const answer = value as AnswerRecord;
    if (
      typeof answer?.question !== 'string' ||
      typeof answer.condition !== 'string' ||
      typeof answer.right !== 'boolean'
    ) {
      throw new InvalidFileError(path, `line ${line}: expected an answer of a run.`);
    }
    const key = answerKey(answer);
    if (!seen.has(key)) answers.push(answer);
    seen.add(key);
  }
  return answers;
}

export function answerKey({
  question,
  condition,
  draw,
}: Pick<AnswerRecord, 'question' | 'condition' | 'draw'>): string {
  return JSON.stringify([question, condition, draw]);
}

/** Drops what follows the last line feed. */
async function cutTornLine(file: FileHandle): Promise<void> {
  const { size } = await file.stat();
  const piece = Buffer.alloc(64 * 1024);
  for (let end = size; end > 0; ) {
    const from = Math.max(0, end - piece.length);
    await file.read(piece, 0, end - from, from);
    const at = piece.subarray(0, end - from).lastIndexOf(10);
    if (at >= 0) {
      if (from + at + 1 < size) await file.truncate(from + at + 1);
      return;
    }
    end = from;
  }
  if (size > 0) await file.truncate(0);
}

function requireConfig(config: RunConfig, path: string): void {
  if (config.version !== 1) {
    throw new InvalidFileError(path, `expected a run of version 1, found ${JSON.stringify(config.version)}.`);
  }
  const whole =
    typeof config.task?.hash === 'string' &&
    typeof config.baseline === 'string' &&
    typeof config.conditions === 'object';
  if (!whole)
    throw new InvalidFileError(path, 'expected the configuration of a run: task, conditions, baseline.');
}

function requireSame(before: RunConfig, now: RunConfig, folder: string): void {
  // The version of Node changes no answer.
  const difference = firstDifference({ ...before, node: '' }, { ...toJson(now), node: '' });
  if (difference === null) return;
  throw new InvalidArgumentError(
    'out',
    `${folder} holds a run of another configuration: ${difference}. Give another folder, or the same settings to go on with that run.`,
  );
}

function toJson<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T;
}

function firstDifference(a: unknown, b: unknown, path = ''): string | null {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) {
    if (Object.is(a, b)) return null;
    const show = (value: unknown) => (JSON.stringify(value) ?? 'nothing').slice(0, 80);
    return `${path.slice(1)} is ${show(a)} there, and ${show(b)} here`;
  }
  for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
    const [x, y] = [(a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]];
    const difference = firstDifference(x, y, `${path}.${key}`);
    if (difference !== null) return difference;
  }
  const [inA, inB] = [Object.keys(a).join(), Object.keys(b).join()];
  return inA === inB ? null : `${path.slice(1)} are [${inA}] there, and [${inB}] here`;
}
