import { type FileHandle, open } from 'node:fs/promises';
import { DownloadError } from '../errors.ts';
import type { DownloadOptions } from './download.ts';
import {
  byteCount,
  describeFailure,
  type OpenedUrl,
  openUrl,
  statusError,
  unquoted,
  withoutQuery,
} from './http.ts';
import { type Part, partPath, removePart, writePartNote } from './part-file.ts';
import { ProgressMeter } from './progress.ts';

/** No model file is larger; a server that says so is not believed. 256 GiB. */
export const MAX_FILE_BYTES = 2 ** 38;

const SHA256 = /^[0-9a-f]{64}$/i;

/** One try: a request whose body is added to the part file, from `part` on where the server agrees. */
export interface ReceiveOptions extends DownloadOptions {
  readonly file: string;
  /** Called with the bytes still to come before any is written; throws where they do not fit. */
  readonly ensureSpace: (bytes: number) => Promise<void>;
}

/**
 * Resolves when the part file is complete in length. Throws a DownloadError for what no further try can mend (the part
 * is removed where it is worthless), an HttpStatusError, or the connection's own error.
 */
export async function receive(
  url: string,
  target: string,
  part: Part | null,
  options: ReceiveOptions,
): Promise<void> {
  const { size, maxBytes = MAX_FILE_BYTES } = options;
  const complete = size ?? part?.size ?? null;
  if (part !== null && complete !== null && part.bytes === complete) return;
  if (part !== null && complete !== null && part.bytes > complete) return restart(url, target, options);

  const idle = new IdleTimer(options.idleTimeoutMs ?? 60_000);
  const signal = options.signal ? AbortSignal.any([options.signal, idle.signal]) : idle.signal;
  try {
    const opened = await openUrl(url, { headers: requestHeaders(part, options), signal });
    const { response } = opened;
    const offset = response.status === 206 ? resumeOffset(opened, part) : 0;
    if (response.status === 416 || offset === null) {
      await response.body?.cancel();
      if (part === null) throw await statusError(url, response);
      return await restart(url, target, options);
    }
    if (response.status !== 200 && response.status !== 206) throw await statusError(url, response);
    const total = await checkDeclared(url, opened, offset, maxBytes, options);
    if (total !== null) await options.ensureSpace(total - offset);
    const handle = await openPart(target, offset);
    try {
      const etag = response.headers.get('etag');
      await writePartNote(target, {
        // A weak tag does not promise the same bytes.
        etag: etag?.startsWith('"') && etag.length <= 512 ? etag : null,
        linkedEtag: opened.linkedEtag?.slice(0, 512) ?? null,
        size: total,
      });
      await writeBody(url, response, handle, { offset, total, maxBytes, idle, options });
    } finally {
      await handle.close();
    }
  } catch (error) {
    options.signal?.throwIfAborted();
    if (error instanceof OversizedBody) {
      await removePart(target);
      throw new DownloadError(error.message, []);
    }
    throw idle.signal.aborted ? idle.signal.reason : error;
  } finally {
    idle.stop();
  }
}

class OversizedBody extends Error {}

async function restart(url: string, target: string, options: ReceiveOptions): Promise<void> {
  await removePart(target);
  return receive(url, target, null, options);
}

function requestHeaders(part: Part | null, options: ReceiveOptions): Record<string, string> {
  const headers: Record<string, string> = { ...options.headers };
  // Without any tag only a digest can tell, at the end, whether both halves are of one file.
  if (part === null || !(part.etag || part.linkedEtag || options.sha256 || options.gitOid)) return headers;
  headers.Range = `bytes=${part.bytes}-`;
  if (part.etag) headers['If-Range'] = part.etag;
  return headers;
}

/** Where a 206 answer goes on: `null` where it is not the continuation of this part. */
function resumeOffset({ response, linkedEtag }: OpenedUrl, part: Part | null): number | null {
  const range = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)$/.exec(
    response.headers.get('content-range') ?? '',
  );
  if (part === null || range === null || Number(range[1]) !== part.bytes) return null;
  if (range[3] !== '*' && part.size !== null && Number(range[3]) !== part.size) return null;
  if (part.linkedEtag !== null && linkedEtag !== null && part.linkedEtag !== linkedEtag) return null;
  const etag = response.headers.get('etag');
  if (part.etag !== null && etag !== null && unquoted(etag) !== unquoted(part.etag)) return null;
  return part.bytes;
}

/** The file's whole size, as declared; refuses what already shows to be the wrong file. */
async function checkDeclared(
  url: string,
  { response, linkedEtag, linkedSize }: OpenedUrl,
  offset: number,
  maxBytes: number,
  options: ReceiveOptions,
): Promise<number | null> {
  const plain = ['', 'identity'].includes(response.headers.get('content-encoding') ?? '');
  const length = plain ? byteCount(response.headers.get('content-length')) : null;
  const declared = length === null ? linkedSize : offset + length;
  const refuse = async (reason: string) => {
    await response.body?.cancel();
    return new DownloadError(`${withoutQuery(url)} is not the file that was asked for: ${reason}.`, []);
  };
  if (options.size != null && declared !== null && declared !== options.size) {
    throw await refuse(`expected ${options.size} bytes, the server declares ${declared}`);
  }
  if (
    options.sha256 &&
    linkedEtag &&
    SHA256.test(linkedEtag) &&
    linkedEtag.toLowerCase() !== options.sha256.toLowerCase()
  ) {
    throw await refuse(`expected sha256 ${options.sha256}, the server declares ${linkedEtag}`);
  }
  const total = options.size ?? declared;
  if (total !== null && total > maxBytes) {
    throw await refuse(`it has ${total} bytes, more than the ${maxBytes} allowed`);
  }
  return total;
}

async function openPart(target: string, offset: number): Promise<FileHandle> {
  try {
    return await open(partPath(target), offset > 0 ? 'r+' : 'w');
  } catch (error) {
    throw new DownloadError(`${partPath(target)} cannot be written: ${describeFailure(error)}.`, [error]);
  }
}

interface BodyPlan {
  readonly offset: number;
  readonly total: number | null;
  readonly maxBytes: number;
  readonly idle: IdleTimer;
  readonly options: ReceiveOptions;
}

async function writeBody(url: string, response: Response, handle: FileHandle, plan: BodyPlan): Promise<void> {
  const { total, maxBytes, idle, options } = plan;
  const meter = new ProgressMeter(options.onProgress, options.file, 'download');
  const limit = Math.min(total ?? maxBytes, maxBytes);
  let position = plan.offset;
  meter.update(position, total);
  for await (const chunk of response.body ?? []) {
    idle.touch();
    if (position + chunk.length > limit) {
      throw new OversizedBody(`${withoutQuery(url)} sends more than the ${limit} bytes it should have.`);
    }
    await writeAll(handle, chunk, position);
    position += chunk.length;
    meter.update(position, total);
  }
  if (total !== null && position < total) {
    throw new Error(`the connection ended after ${position} of ${total} bytes`);
  }
  meter.finish(position, total);
}

async function writeAll(handle: FileHandle, chunk: Uint8Array, position: number): Promise<void> {
  try {
    for (let done = 0; done < chunk.length; ) {
      done += (await handle.write(chunk, done, chunk.length - done, position + done)).bytesWritten;
    }
  } catch (error) {
    throw new DownloadError(`The download cannot be written to disk: ${describeFailure(error)}.`, [error]);
  }
}

/** Aborts its signal after a silence; `touch` starts the clock anew. */
class IdleTimer {
  readonly #controller = new AbortController();
  readonly #timer: NodeJS.Timeout;

  constructor(timeoutMs: number) {
    this.#timer = setTimeout(() => {
      this.#controller.abort(new Error(`nothing was received for ${timeoutMs / 1000} seconds`));
    }, timeoutMs);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  touch(): void {
    this.#timer.refresh();
  }

  /** Ends the clock, and the request where its body was not read to the end. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#controller.abort();
  }
}
