import { statfs } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DownloadError } from '../errors.ts';
import { checkFile, type ExpectedBytes } from './digest.ts';
import { withFileLock } from './file-lock.ts';
import { describeFailure, HttpStatusError, isTransient, isUnreachable, withoutQuery } from './http.ts';
import { finishPart, partBytes, readPart, removePart } from './part-file.ts';
import { type ModelProgressListener, ProgressMeter } from './progress.ts';
import { type MAX_FILE_BYTES, receive } from './receive.ts';

/** A try that brought this much starts the count of tries anew: a long download outlives many cuts. */
const PROGRESS_BYTES = 2 ** 20;
const MAX_DELAY_MS = 30_000;

export interface DownloadOptions extends ExpectedBytes {
  /** Refuse a file that is, or grows, larger. Bytes; default {@link MAX_FILE_BYTES}. */
  readonly maxBytes?: number | undefined;
  /** Sent with each request; `Authorization` only to the URL's own origin, not to where it redirects. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Aborting keeps what was received, for the next call to go on from. */
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ModelProgressListener | undefined;
  /** Name in progress events; default the target's base name. */
  readonly file?: string | undefined;
  /** Further tries after a failure that may pass (5xx, 429, a cut or silent connection); default 4. 404 and 401 are final. */
  readonly retries?: number | undefined;
  /** First pause before a further try, doubled each time (at most 30 s). Milliseconds; default 500. */
  readonly retryDelayMs?: number | undefined;
  /** A connection silent for this long counts as cut. Milliseconds; default 60,000. */
  readonly idleTimeoutMs?: number | undefined;
}

/**
 * Downloads `url` to the file `target` (its folder is made). The bytes go to `target.part` beside it; the file appears
 * by one rename once its length and digest are right, so `target` is never half a file. A part left by an earlier
 * call, in whatever process, is continued where the server still has the same file (`Range` with `If-Range`), else
 * replaced. A `target` that already is as expected is kept. Processes that want the same file take turns
 * (`target.lock`): the second finds the first one's file.
 *
 * @throws DownloadError naming the URL and the cause (an HttpStatusError among `causes` for a status); the signal's reason.
 */
export async function downloadFile(
  url: string,
  target: string,
  options: DownloadOptions = {},
): Promise<void> {
  const file = options.file ?? basename(target);
  const waiting = new ProgressMeter(options.onProgress, file, 'download');
  const onWait = async () => waiting.update(await partBytes(target), options.size ?? null);
  await withFileLock(target, { signal: options.signal, onWait }, async (waited) => {
    const known = Boolean(options.sha256 || options.gitOid);
    if ((waited || known) && (await isAsExpected(target, file, options))) return;
    await downloadLocked(url, target, { ...options, file });
  });
}

async function isAsExpected(target: string, file: string, options: DownloadOptions): Promise<boolean> {
  try {
    return (
      (await checkFile(target, options, { file, signal: options.signal, onProgress: options.onProgress })) ===
      null
    );
  } catch (error) {
    options.signal?.throwIfAborted();
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw unusable(target, error);
  }
}

async function downloadLocked(
  url: string,
  target: string,
  options: DownloadOptions & { readonly file: string },
): Promise<void> {
  const { signal, file, onProgress, retries = 4, retryDelayMs = 500 } = options;
  let startedAnew = false;
  let failures = 0;
  // The most bytes any try has left behind: only going past it counts as progress, so tries stay bounded by the size.
  let furthest = await partBytes(target);
  for (;;) {
    signal?.throwIfAborted();
    const before = await readPart(target);
    if (before === null) await removePart(target);
    try {
      await receive(url, target, before, { ...options, ensureSpace: (bytes) => ensureSpace(target, bytes) });
    } catch (error) {
      signal?.throwIfAborted();
      if (!isTransient(error)) throw failed(url, error);
      const bytes = await partBytes(target);
      if (bytes >= furthest + PROGRESS_BYTES) {
        failures = 0;
        furthest = bytes;
      }
      failures++;
      if (failures > (isUnreachable(error) ? Math.min(1, retries) : retries))
        throw failed(url, error, failures);
      await pause(error, retryDelayMs * 2 ** (failures - 1), signal);
      continue;
    }
    const wrong = await checkFile(`${target}.part`, options, { file, signal, onProgress });
    if (wrong === null) {
      await finishPart(target).catch((error) => Promise.reject(unusable(target, error)));
      return;
    }
    await removePart(target);
    // Two halves of two files can look like one, so bytes received in pieces get a second chance in one piece.
    if (before === null || startedAnew) {
      throw new DownloadError(
        `${withoutQuery(url)} served other bytes than it should: ${wrong}. Nothing was kept.`,
        [],
      );
    }
    startedAnew = true;
  }
}

async function pause(error: unknown, delayMs: number, signal: AbortSignal | undefined): Promise<void> {
  const asked = error instanceof HttpStatusError ? (error.retryAfterMs ?? 0) : 0;
  const delay = Math.min(MAX_DELAY_MS, Math.max(asked, delayMs * (0.75 + Math.random() / 2)));
  try {
    await sleep(delay, undefined, signal ? { signal } : {});
  } catch {
    signal?.throwIfAborted();
  }
}

async function ensureSpace(target: string, bytes: number): Promise<void> {
  const disk = await statfs(dirname(target)).catch(() => null);
  if (disk === null) return;
  const free = disk.bavail * disk.bsize;
  if (bytes > free) {
    throw new DownloadError(
      `${target} needs ${bytes} more bytes, but its disk has ${free} free. Free some space or set KVSTEER_CACHE to a folder on another disk.`,
      [],
    );
  }
}

function unusable(target: string, error: unknown): DownloadError {
  return new DownloadError(`${target} cannot be written: ${describeFailure(error)}.`, [error]);
}

function failed(url: string, error: unknown, tries = 1): DownloadError {
  if (error instanceof DownloadError) return error;
  const times = tries > 1 ? ` (tried ${tries} times)` : '';
  const text = describeFailure(error);
  const message =
    error instanceof HttpStatusError
      ? `Download failed${times}: ${text}`
      : `${withoutQuery(url)} could not be downloaded${times}: ${text}.`;
  return new DownloadError(message, [error]);
}
