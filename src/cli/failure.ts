import { inspect } from 'node:util';
import { CommanderError } from 'commander';
import { KvSteerError } from '../errors.ts';
import { colorsOf, printLine } from './terminal.ts';

/** Exit codes: 0 done, 1 a defect of kvsteer, 2 something that the user can put right, 130 interrupted. */
export const EXIT = { done: 0, defect: 1, refused: 2, interrupted: 130 } as const;

/** The reason of the first Ctrl-C's abort. */
export class Interrupted extends Error {
  constructor() {
    super('Interrupted.');
    this.name = 'AbortError';
  }
}

/** The reader of stdout went away (`kvsteer run ... | head -1`): stop, and say nothing. */
export class OutputClosed extends Error {
  constructor() {
    super('The reader of the output is gone.');
    this.name = 'AbortError';
  }
}

/** System errors that come from the user's paths, disk or permissions, with words for them. */
const systemErrors: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or folder',
  EACCES: 'access is denied',
  EPERM: 'access is denied',
  EISDIR: 'it is a folder',
  ENOTDIR: 'a part of the path is a file',
  ENOSPC: 'the disk is full',
  EROFS: 'the disk is read-only',
  EEXIST: 'it exists already',
};

/** Says on stderr what went wrong, and with which code the process ends. */
export function reportFailure(
  error: unknown,
  { stderr, signal }: { readonly stderr: NodeJS.WriteStream; readonly signal: AbortSignal },
  env: NodeJS.ProcessEnv = process.env,
): number {
  const say = (message: string) => printLine(stderr, `${colorsOf(stderr, env).red('kvsteer:')} ${message}`);
  const debug = env.KVSTEER_DEBUG === '1';
  if (signal.aborted && isAbort(error, signal)) {
    if (signal.reason instanceof OutputClosed) return EXIT.done;
    say('interrupted; nothing half-written was left.');
    return EXIT.interrupted;
  }
  if (error instanceof CommanderError) {
    // commander has printed its own message, the help or the version
    return error.exitCode === 0 ? EXIT.done : EXIT.refused;
  }
  const message = expectedMessage(error);
  if (message !== null) {
    say(message);
    if (debug) printLine(stderr, inspect(error));
    return EXIT.refused;
  }
  say('this should not have happened. Please report it, with the lines below.');
  printLine(stderr, inspect(error));
  return EXIT.defect;
}

function isAbort(error: unknown, signal: AbortSignal): boolean {
  return error === signal.reason || (error instanceof Error && error.name === 'AbortError');
}

/** The message for an error that the user can do something about, or null for a defect. */
function expectedMessage(error: unknown): string | null {
  if (KvSteerError.isInstance(error)) return error.message;
  if (!(error instanceof Error)) return null;
  const { code, path } = error as NodeJS.ErrnoException;
  const words = code === undefined ? undefined : systemErrors[code];
  return words !== undefined && path !== undefined ? `${path}: ${words}.` : null;
}
