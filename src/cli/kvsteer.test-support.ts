/** Two ways to run the command line in tests: in a process of its own, as users do, and, much quicker, in this one. */
import { spawn } from 'node:child_process';
import { PassThrough } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { runCli } from './run-cli.ts';

const main = fileURLToPath(new URL('./main.ts', import.meta.url));

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly input?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Called with everything written so far, after each piece. */
  readonly onOutput?: (
    child: ReturnType<typeof spawn>,
    output: { readonly stdout: string; readonly stderr: string },
  ) => void;
}

export function kvsteer(
  args: readonly string[],
  { input = '', env = {}, onOutput }: RunOptions = {},
): Promise<Ran> {
  const child = spawn(process.execPath, ['--import', 'tsx', main, ...args], {
    // What the surroundings say about colours must not decide a test.
    env: { ...process.env, FORCE_COLOR: undefined, NO_COLOR: undefined, KVSTEER_DEBUG: undefined, ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      output[name] += text;
      onOutput?.(child, output);
    });
  }
  child.stdin.on('error', () => {
    // The process ended without reading its input.
  });
  child.stdin.end(input);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, ...output }));
  });
}

/** No terminal on any side; `input` on stdin. */
export async function inProcess(args: readonly string[], input = ''): Promise<Ran> {
  const stream = () => new PassThrough() as unknown as NodeJS.WriteStream & PassThrough;
  const [stdin, stdout, stderr] = [stream(), stream(), stream()];
  stdin.end(input);
  const code = await runCli(args, {
    stdin: stdin as unknown as NodeJS.ReadStream,
    stdout,
    stderr,
    signal: new AbortController().signal,
  });
  const written = (from: PassThrough) => String(from.read() ?? '');
  return { code, stdout: written(stdout), stderr: written(stderr) };
}
