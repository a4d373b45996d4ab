import { createReadStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { z } from 'zod';
import { readJsonLines } from '../data/json-lines.ts';
import { InvalidArgumentError, InvalidFileError } from '../errors.ts';
import type { TeacherReply, TokenUsage } from './teacher.ts';

/** What must be the same for a run to go on. */
export interface RunSetup {
  /** `Teacher.identity`. */
  readonly teacher: string;
  /** The prompt's hash of each style. */
  readonly styles: Readonly<Record<string, string>>;
}

/** A reply as recorded, and the tokens it was charged. */
export interface RecordedReply extends TeacherReply {
  readonly charged: number;
}

const usage = z.object({ prompt: z.number().int(), completion: z.number().int() }).nullable();
const key = z.string().max(200);
const charged = z.number().int().nonnegative();
const lineSchema = z.union([
  z.object({
    journal: z.literal('kvsteer-traces'),
    version: z.literal(1),
    teacher: z.string(),
    styles: z.record(z.string(), z.string()),
  }),
  /** About to be asked; its tokens are reserved. */
  z.object({ ask: key, reserved: charged }),
  z.object({ got: key, text: z.string(), isCut: z.boolean(), model: z.string(), usage, charged }),
  /** No answer came. */
  z.object({ lost: key, charged }),
]);
type Line = z.infer<typeof lineSchema>;

/**
 * What a run has asked and been answered, one line each, appended. An answer is on the disk before it counts, so a run that was
 * killed at any moment goes on without asking for it again; a last line that was only half written is cut off.
 */
export class Journal implements AsyncDisposable {
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #replies = new Map<string, RecordedReply>();
  /** Reservations whose end is not known: the run was killed while it waited. */
  readonly #open = new Map<string, number>();
  #charged = 0;
  readonly #tokens = { prompt: 0, completion: 0 };
  #tail: Promise<void> = Promise.resolve();

  private constructor(path: string, file: FileHandle) {
    this.#path = path;
    this.#file = file;
  }

  /**
   * Opens the journal at `path`, or begins one.
   *
   * @throws InvalidArgumentError where it is of another setup; InvalidFileError where it is no journal; the signal's reason.
   */
  static async open(path: string, setup: RunSetup, signal?: AbortSignal): Promise<Journal> {
    const file = await open(path, 'a');
    const journal = new Journal(path, file);
    try {
      await file.truncate(await wholeBytes(path));
      const isNew = !(await journal.#read(setup, signal));
      if (isNew) await journal.#write({ journal: 'kvsteer-traces', version: 1, ...setup }, true);
      return journal;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Tokens of all answers, and the most that requests without an answer can have cost. */
  get charged(): number {
    return [...this.#open.values()].reduce((sum, tokens) => sum + tokens, this.#charged);
  }

  /** Tokens of all answers whose teacher says. */
  get tokens(): TokenUsage {
    return { ...this.#tokens };
  }

  reply(key: string): RecordedReply | undefined {
    return this.#replies.get(key);
  }

  /** Before a request is sent. Not flushed: only a crash of the machine loses it, and with it at most a reservation. */
  async asking(key: string, reserved: number): Promise<void> {
    await this.#write({ ask: key, reserved }, false);
  }

  /** Resolves once the reply is on the disk. */
  async record(key: string, { text, isCut, model, usage, charged }: RecordedReply): Promise<void> {
    await this.#write({ got: key, text, isCut, model, usage, charged }, true);
  }

  async lost(key: string, charged: number): Promise<void> {
    await this.#write({ lost: key, charged }, false);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tail.catch(() => {});
    await this.#file.close();
  }

  /** One write after the other, so lines never mix. */
  #write(line: Line, flush: boolean): Promise<void> {
    const write = async () => {
      await this.#file.appendFile(`${JSON.stringify(line)}\n`);
      if (flush) await this.#file.datasync();
      this.#take(line);
    };
    this.#tail = this.#tail.then(write);
    return this.#tail;
  }

  #take(line: Line): void {
    if ('ask' in line) this.#open.set(line.ask, line.reserved);
    else if ('got' in line) {
      const { got, ...reply } = line;
      this.#open.delete(got);
      this.#charged += reply.charged;
      this.#tokens.prompt += reply.usage?.prompt ?? 0;
      this.#tokens.completion += reply.usage?.completion ?? 0;
      this.#replies.set(got, reply);
    } else if ('lost' in line) {
      this.#open.delete(line.lost);
      this.#charged += line.charged;
    }
  }

  /** False where the journal is empty. */
  async #read(setup: RunSetup, signal: AbortSignal | undefined): Promise<boolean> {
    let isFirst = true;
    for await (const { line, value } of readJsonLines(this.#path, {
      maxLines: 50_000_000,
      maxLineBytes: 16 * 2 ** 20,
      maxBytes: 8 * 2 ** 30,
      ...(signal && { signal }),
    })) {
      const parsed = lineSchema.safeParse(value);
      const isHeader = parsed.success && 'journal' in parsed.data;
      if (!parsed.success || isHeader !== isFirst) {
        throw new InvalidFileError(
          this.#path,
          `line ${line}: expected a line of a journal of traces, found something else. If it is none, give another output; if it is damaged, delete it to begin anew.`,
        );
      }
      isFirst = false;
      if ('journal' in parsed.data) this.#requireSame(setup, parsed.data);
      // An earlier run was killed while it asked this, and a later one asked again.
      else if ('ask' in parsed.data) this.#charged += this.#open.get(parsed.data.ask) ?? 0;
      this.#take(parsed.data);
    }
    return !isFirst;
  }

  #requireSame(now: RunSetup, then: RunSetup): void {
    const show = ({ teacher, styles }: RunSetup) =>
      `${teacher}, ${Object.entries(styles)
        .map(([style, hash]) => `${style} (prompt ${hash})`)
        .join(', ')}`;
    const [expected, found] = [show(now), show(then)];
    if (expected === found) return;
    throw new InvalidArgumentError(
      'output',
      `${this.#path} is of another run. Expected: ${expected}. Found: ${found}. Run with the same teacher, styles and tokens an answer to go on, give another output, or delete the journal to begin anew.`,
    );
  }
}

/** Bytes up to the end of the last whole line. Only the end of a journal can be torn, by a kill or a crash in mid-write. */
async function wholeBytes(path: string): Promise<number> {
  let read = 0;
  let whole = 0;
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    const last = chunk.lastIndexOf(10);
    if (last >= 0) whole = read + last + 1;
    read += chunk.length;
  }
  return whole;
}
