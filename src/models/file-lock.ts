import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';

const POLL_MS = 200;
const HEARTBEAT_MS = 5_000;
/** A holder that cannot be asked (another machine on a shared disk) is taken for dead after this silence. */
const REMOTE_SILENCE_MS = 60_000;
/** A live process id on this machine may be a new process with an old number: silence this long means that. */
const LOCAL_SILENCE_MS = 180_000;

const ownerSchema = z.object({ pid: z.number().int(), host: z.string(), id: z.string() });

export interface FileLockOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called at each look at a lock that another holder has (about five times a second). */
  readonly onWait?: (() => void | Promise<void>) | undefined;
}

/**
 * Runs `work` while this call alone, across processes, holds `TARGET.lock`; others wait for their turn.
 * `work` learns whether it had to wait: what it is about to make may be there by now.
 * A lock left by a killed process is taken over. Throws the signal's reason when aborted while waiting.
 */
export async function withFileLock<T>(
  target: string,
  options: FileLockOptions,
  work: (waited: boolean) => Promise<T>,
): Promise<T> {
  const path = `${target}.lock`;
  const id = randomUUID();
  const content = JSON.stringify({ pid: process.pid, host: hostname(), id });
  await mkdir(dirname(path), { recursive: true });
  let waited = false;
  while (!(await create(path, content))) {
    options.signal?.throwIfAborted();
    if (await removeStale(path)) continue;
    waited = true;
    await options.onWait?.();
    await sleep(POLL_MS);
  }
  const heartbeat = setInterval(() => {
    const now = new Date();
    utimes(path, now, now).catch(() => {});
  }, HEARTBEAT_MS);
  heartbeat.unref();
  try {
    options.signal?.throwIfAborted();
    return await work(waited);
  } finally {
    clearInterval(heartbeat);
    // Only our own lock: after a long freeze another process may have taken it over.
    if ((await read(path))?.includes(id)) await rm(path, { force: true });
  }
}

async function create(path: string, content: string): Promise<boolean> {
  try {
    await writeFile(path, content, { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

async function read(path: string): Promise<string | null> {
  try {
    if ((await stat(path)).size > 4096) return '';
    return await readFile(path, 'utf8');
  } catch {
    return null;
  }
}

/** True when the lock is gone or was a dead holder's and was removed. */
async function removeStale(path: string): Promise<boolean> {
  const content = await read(path);
  if (content === null) return true;
  if (!(await isStale(path, content))) return false;
  // A rename has one winner, so two processes never both remove; if what was moved is not what was judged, a new
  // holder had come in between and its lock is put back.
  const aside = `${path}.${randomUUID()}`;
  try {
    await rename(path, aside);
  } catch {
    return true;
  }
  const moved = await read(aside);
  if (moved !== null && moved !== content) await create(path, moved);
  await rm(aside, { force: true });
  return moved === content;
}

async function isStale(path: string, content: string): Promise<boolean> {
  const silence = await stat(path).then(
    (found) => Date.now() - found.mtimeMs,
    () => 0,
  );
  const owner = parseOwner(content);
  // A lock just created may not have its content yet.
  if (owner === null || owner.host !== hostname()) return silence > REMOTE_SILENCE_MS;
  if (owner.pid !== process.pid && !isAlive(owner.pid)) return true;
  return silence > LOCAL_SILENCE_MS;
}

function parseOwner(content: string): z.infer<typeof ownerSchema> | null {
  try {
    return ownerSchema.parse(JSON.parse(content));
  } catch {
    return null;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
