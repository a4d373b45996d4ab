/** `kvsteer serve` in a process of its own, as users start it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';

const main = fileURLToPath(new URL('../cli/main.ts', import.meta.url));
const loader = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Log lines and whatever else was printed. */
  readonly stderr: string;
}

export interface ServeChild extends AsyncDisposable {
  /** e.g. `http://127.0.0.1:43215` */
  readonly url: string;
  readonly process: ChildProcess;
  readonly exit: Promise<Exit>;
}

/** Resolves once it listens, on a free port. @throws Error with what it printed, if it ends before. */
export async function serveChild(args: readonly string[]): Promise<ServeChild> {
  const child = spawn(process.execPath, ['--import', loader, main, 'serve', '--port', '0', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stderr = '';
  child.stderr.on('data', (data) => {
    stderr += data;
  });
  const exit = new Promise<Exit>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal, stderr }));
  });
  const url = await new Promise<string>((resolve, reject) => {
    let stdout = '';
    child.stdout.on('data', (data) => {
      stdout += data;
      const found = /served at (\S+)\/v1/.exec(stdout)?.[1];
      if (found !== undefined) resolve(found);
    });
    void exit.then(() => reject(new Error(`kvsteer serve ended: ${stdout}${stderr}`)));
  });
  return {
    url,
    process: child,
    exit,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await exit;
    },
  };
}
