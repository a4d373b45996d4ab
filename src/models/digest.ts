import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { type ModelProgressListener, ProgressMeter } from './progress.ts';

/** What a file must be. Absent or `null` parts are not checked. */
export interface ExpectedBytes {
  /** 64 hex digits. */
  readonly sha256?: string | null | undefined;
  /** Git's object id of the content, 40 hex digits: what the hub gives for files that are not in large-file storage. */
  readonly gitOid?: string | null | undefined;
  /** Bytes. */
  readonly size?: number | null | undefined;
}

export interface CheckOptions {
  /** Name in progress events. */
  readonly file: string;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ModelProgressListener | undefined;
}

/**
 * Reads the file once and says what is wrong with it, or `null` where it is as expected.
 * Throws what the file system throws (`ENOENT` included) and the signal's reason.
 */
export async function checkFile(
  path: string,
  expected: ExpectedBytes,
  options: CheckOptions,
): Promise<string | null> {
  const { size } = await stat(path);
  if (expected.size != null && size !== expected.size) {
    return `expected ${expected.size} bytes, found ${size}`;
  }
  if (expected.sha256) {
    const found = await hashFile(path, size, 'sha256', options);
    if (found !== expected.sha256.toLowerCase()) return `expected sha256 ${expected.sha256}, found ${found}`;
  } else if (expected.gitOid) {
    const found = await hashFile(path, size, 'git', options);
    if (found !== expected.gitOid.toLowerCase())
      return `expected git object ${expected.gitOid}, found ${found}`;
  }
  return null;
}

async function hashFile(
  path: string,
  size: number,
  kind: 'sha256' | 'git',
  options: CheckOptions,
): Promise<string> {
  const hash = createHash(kind === 'git' ? 'sha1' : 'sha256');
  if (kind === 'git') hash.update(`blob ${size}\0`);
  const meter = new ProgressMeter(options.onProgress, options.file, 'verify');
  let bytes = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
    options.signal?.throwIfAborted();
    hash.update(chunk as Buffer);
    bytes += (chunk as Buffer).length;
    meter.update(bytes, size);
  }
  meter.finish(bytes, size);
  return hash.digest('hex');
}
