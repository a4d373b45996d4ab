import { randomUUID } from 'node:crypto';
import { mkdir, open, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { InvalidFileError } from '../errors.ts';
import type { SteeringVector } from './vector.ts';
import { type ReadVectorOptions, vectorFromBytes, vectorToBytes } from './vector-bytes.ts';

/** A vector of the largest models is some megabytes. */
const maxFileBytes = 2 ** 28;

/**
 * Writes a vector file: beside the target first, then renamed over it, so that nothing half-written is ever there.
 * Missing folders are made.
 *
 * @throws InvalidFileError if it cannot be written.
 */
export async function saveVector(vector: SteeringVector, path: string): Promise<void> {
  await writeBeside(path, vectorToBytes(vector));
}

/** Beside the target first, then renamed over it. @throws InvalidFileError */
export async function writeBeside(path: string, bytes: Uint8Array): Promise<void> {
  const beside = `${path}.${randomUUID()}.tmp`;
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(beside, bytes, { flag: 'wx', flush: true });
    await rename(beside, path);
  } catch (cause) {
    await rm(beside, { force: true }).catch(() => {});
    throw failure(path, 'cannot be written', cause);
  }
}

/**
 * Reads a vector file.
 *
 * @throws InvalidFileError if it cannot be read, is larger than 256 MiB, or for the reasons of {@link
 * vectorFromBytes}.
 */
export async function loadVector(
  path: string,
  options: Omit<ReadVectorOptions, 'path'> = {},
): Promise<SteeringVector> {
  return vectorFromBytes(await readBounded(path), { ...options, path });
}

/** @throws InvalidFileError if it cannot be read or is larger than 256 MiB. */
export async function readBounded(path: string): Promise<Uint8Array> {
  try {
    const file = await open(path, 'r');
    try {
      const { size } = await file.stat();
      if (size > maxFileBytes) {
        throw new InvalidFileError(
          path,
          `larger than ${maxFileBytes} bytes (${size}). Is it a steering vector?`,
        );
      }
      const bytes = new Uint8Array(size);
      let read = 0;
      while (read < size) {
        const { bytesRead } = await file.read(bytes, read, size - read, read);
        if (bytesRead === 0) break;
        read += bytesRead;
      }
      return bytes.subarray(0, read);
    } finally {
      await file.close();
    }
  } catch (cause) {
    if (cause instanceof InvalidFileError) throw cause;
    throw failure(path, 'cannot be read', cause);
  }
}

function failure(path: string, what: string, cause: unknown): InvalidFileError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new InvalidFileError(path, `${what}: ${why}. Check the path and its permissions.`, { cause });
}
