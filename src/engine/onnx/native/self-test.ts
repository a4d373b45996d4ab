/** Whether ONNX Runtime's C API can be used here: tried once in a child process, since a crash cannot be caught. */
import { fork } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import koffi from 'koffi';
import { onnxRuntimeLibrary } from './library-path.ts';

export interface SelfTestResult {
  readonly usable: boolean;
  /** Why it is not usable; empty where it is. */
  readonly reason: string;
}

interface Outcome extends SelfTestResult {
  /** Another try may end otherwise: the child ran out of time, or the system gave none. */
  readonly passing?: boolean;
}

export interface SelfTestChild {
  /** Module that sends `ok`, or what is wrong, to its parent. */
  readonly module: string;
  readonly timeoutMs: number;
}

const fromSource = import.meta.url.endsWith('.ts');

const comparison: SelfTestChild = {
  module: fileURLToPath(new URL(`./self-test-child.${fromSource ? 'ts' : 'js'}`, import.meta.url)),
  timeoutMs: 60_000,
};

const running = new Map<string, Promise<SelfTestResult>>();

/**
 * The verdict is kept in `folder` for this library, koffi, Node and processor. Never throws.
 *
 * @param child for tests of failures.
 */
export async function nativeSelfTest(
  folder: string,
  child: SelfTestChild = comparison,
): Promise<SelfTestResult> {
  let file: string;
  try {
    file = join(folder, `native-self-test-${await setting(child)}.json`);
  } catch (error) {
    return { usable: false, reason: messageOf(error) };
  }
  const kept = await readFile(file, 'utf8').then(parse, () => undefined);
  if (kept) return kept;
  // engines that load at the same time share one test
  const test = running.get(file) ?? runAndKeep(file, folder, child).finally(() => running.delete(file));
  running.set(file, test);
  return await test;
}

async function runAndKeep(file: string, folder: string, child: SelfTestChild): Promise<SelfTestResult> {
  const { passing, ...result } = await runChild(child);
  if (passing) return result;
  try {
    await mkdir(folder, { recursive: true });
    const beside = `${file}.${randomUUID()}.tmp`;
    await writeFile(beside, JSON.stringify(result));
    await rename(beside, file);
  } catch {
    // a folder that cannot be written to costs the test each time, no more
  }
  return result;
}

function runChild({ module, timeoutMs }: SelfTestChild): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = fork(module, {
      execArgv: fromSource
        ? ['--import', pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href]
        : [],
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    let said: string | undefined;
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      child.kill('SIGKILL');
    }, timeoutMs);
    child.on('message', (message) => {
      said = String(message);
    });
    child.on('error', (error) => {
      clearTimeout(timer);
      resolve({ usable: false, reason: `its self-test did not start: ${error.message}`, passing: true });
    });
    // `exit` can come before the last message was read, `close` comes after it
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      if (said === 'ok') resolve({ usable: true, reason: '' });
      else if (late) {
        const reason = `its self-test had not ended after ${timeoutMs / 1000} s`;
        resolve({ usable: false, reason, passing: true });
      } else {
        const reason = said ?? `its self-test ended with ${signal ?? `exit code ${code}`}`;
        resolve({ usable: false, reason, passing: signal === 'SIGKILL' || signal === 'SIGTERM' });
      }
    });
  });
}

/** What the verdict depends on. */
async function setting(child: SelfTestChild): Promise<string> {
  const library = onnxRuntimeLibrary();
  const { size, mtimeMs } = await stat(library);
  const parts = [
    library,
    size,
    mtimeMs,
    koffi.version,
    process.version,
    process.arch,
    cpus()[0]?.model,
    child.module,
  ];
  return createHash('sha256').update(parts.join('\n')).digest('hex').slice(0, 16);
}

function parse(text: string): SelfTestResult | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const { usable, reason } = value as SelfTestResult;
    return typeof usable === 'boolean' && typeof reason === 'string' ? { usable, reason } : undefined;
  } catch {
    return undefined;
  }
}

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));
