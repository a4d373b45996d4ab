/** The parent's side of protocol.ts. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type { Request } from './protocol.ts';

/** Of what a child prints, the end is kept, to be shown if it dies. */
const keptOutput = 2_000;

export class Child {
  readonly about: string;
  readonly sameLengths: boolean;
  readonly #process: ChildProcess;
  readonly #answers: AsyncIterator<string>;
  readonly #printed: () => string;

  /** @throws Error with what the child printed if it does not open. */
  static async start(command: readonly string[], env: Readonly<Record<string, string>>): Promise<Child> {
    const [file, ...args] = command;
    const child = spawn(file!, args, {
      env: { ...process.env, ...env },
      stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
    });
    let printed = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream!.on('data', (chunk: Buffer) => {
        printed = `${printed}${chunk}`.slice(-keptOutput);
      });
    }
    child.on('error', (error) => {
      printed += error.message;
      (child.stdio[3] as Readable).destroy();
    });
    child.stdin!.on('error', () => {});
    const answers = createInterface({ input: child.stdio[3] as Readable })[Symbol.asyncIterator]();
    const opened = (await next(answers, () => printed)) as { about: string; sameLengths: boolean };
    return new Child(child, answers, () => printed, opened);
  }

  private constructor(
    child: ChildProcess,
    answers: AsyncIterator<string>,
    printed: () => string,
    opened: { about: string; sameLengths: boolean },
  ) {
    this.#process = child;
    this.#answers = answers;
    this.#printed = printed;
    this.about = opened.about;
    this.sameLengths = opened.sameLengths;
  }

  async ask<T>(request: Request): Promise<T> {
    this.#process.stdin!.write(`${JSON.stringify(request)}\n`);
    return ((await next(this.#answers, this.#printed)) as { value: T }).value;
  }

  async end(): Promise<void> {
    if (this.#process.exitCode !== null) return;
    const ended = new Promise((resolve) => this.#process.once('exit', resolve));
    this.#process.stdin!.end();
    const slow = setTimeout(() => this.#process.kill('SIGKILL'), 5_000);
    await ended;
    clearTimeout(slow);
  }
}

async function next(answers: AsyncIterator<string>, printed: () => string): Promise<unknown> {
  const { done, value } = await answers.next();
  if (done) throw new Error(`The process ended. It printed: ${printed() || 'nothing'}`);
  const answer = JSON.parse(value) as { error?: string };
  if (answer.error !== undefined) throw new Error(answer.error);
  return answer;
}
