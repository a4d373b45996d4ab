/** Whether ONNX Runtime's C API can be used here: tried once in a child process, since a crash cannot be caught. */
import { fork } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import koffi from 'koffi';
import { onnxRuntimeLibrary } from './library-path.ts';

export interface SelfTestResult {
  readonly usable: boolean;
  /** Why it is not usable; empty where it is. */
  readonly reason: string;
}

const timeoutMs = 60_000;

/** The verdict is kept in `folder` for this library, koffi, Node and processor. Never throws. */
export async function nativeSelfTest(folder: string): Promise<SelfTestResult> {
  let file: string;
  try {
    file = join(folder, `native-self-test-${await setting()}.json`);
  } catch (error) {
    return { usable: false, reason: messageOf(error) };
  }
  const kept = await readFile(file, 'utf8').then(parse, () => undefined);
  if (kept) return kept;
  const result = await runChild();
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

function runChild(): Promise<SelfTestResult> {
  const fromSource = import.meta.url.endsWith('.ts');
  const child = fork(
    fileURLToPath(new URL(`./self-test-child.${fromSource ? 'ts' : 'js'}`, import.meta.url)),
    {
      execArgv: fromSource ? ['--import', 'tsx'] : [],
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      timeout: timeoutMs,
    },
  );
  return new Promise((resolve) => {
    let said: string | undefined;
    child.on('message', (message) => {
      said = String(message);
    });
    child.on('error', (error) => resolve({ usable: false, reason: error.message }));
    child.on('exit', (code, signal) => {
      if (said === 'ok') resolve({ usable: true, reason: '' });
      else
        resolve({
          usable: false,
          reason: said ?? `its self-test ended with ${signal ?? `exit code ${code}`}`,
        });
    });
  });
}

/** What the verdict depends on. */
async function setting(): Promise<string> {
  const library = onnxRuntimeLibrary();
  const { size, mtimeMs } = await stat(library);
  const parts = [
    library,
    size,
    mtimeMs,
    koffi,
    process.version,
    process.arch,
    cpus()[0]?.model,
    import.meta.url,
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
