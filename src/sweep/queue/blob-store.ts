/** Vectors in Redis, by the SHA-256 of their bytes. */
import type { Redis } from 'ioredis';
import { InvalidFileError } from '../../errors.ts';
import { MOST_BLOB_BYTES } from '../vector-blobs.ts';
import { KEY_PREFIX } from './connect.ts';

/** As long as jobs are kept. */
export const KEPT_SECONDS = 7 * 24 * 3600;

const key = (hash: string) => `${KEY_PREFIX}:blob:${hash}`;

/** Stores what is not there; what is there is kept for as long again. @throws InvalidFileError for one past the bound. */
export async function storeBlobs(redis: Redis, blobs: ReadonlyMap<string, Uint8Array>): Promise<void> {
  for (const [hash, bytes] of blobs) {
    requireBounded(hash, bytes.byteLength);
    if ((await redis.expire(key(hash), KEPT_SECONDS)) === 1) continue;
    await redis.set(key(hash), Buffer.from(bytes), 'EX', KEPT_SECONDS);
  }
}

/** Blobs as a worker needs them: each fetched once, the latest few kept. */
export class BlobStore {
  readonly #redis: Redis;
  readonly #kept = new Map<string, Promise<Uint8Array>>();
  readonly #most: number;

  /** @param most blobs kept. */
  constructor(redis: Redis, most = 16) {
    this.#redis = redis;
    this.#most = most;
  }

  /** @throws InvalidFileError where there is none of that hash, or it is past the bound. */
  readonly fetch = (hash: string): Promise<Uint8Array> => {
    const kept = this.#kept.get(hash);
    if (kept !== undefined) {
      this.#kept.delete(hash);
      this.#kept.set(hash, kept);
      return kept;
    }
    const fetched = this.#read(hash);
    fetched.catch(() => this.#kept.delete(hash));
    this.#kept.set(hash, fetched);
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= this.#most) break;
      this.#kept.delete(oldest);
    }
    return fetched;
  };

  async #read(hash: string): Promise<Uint8Array> {
    // Its length first: nothing is fetched that would not be taken.
    requireBounded(hash, await this.#redis.strlen(key(hash)));
    const bytes = await this.#redis.getBuffer(key(hash));
    if (bytes !== null && bytes.length > 0) return new Uint8Array(bytes);
    throw new InvalidFileError(
      `vector ${hash.slice(0, 12)}`,
      'the queue does not hold it any more. Submit the sweep again.',
    );
  }
}

function requireBounded(hash: string, bytes: number): void {
  if (bytes <= MOST_BLOB_BYTES) return;
  throw new InvalidFileError(
    `vector ${hash.slice(0, 12)}`,
    `larger than ${MOST_BLOB_BYTES} bytes (${bytes}): vectors that travel are smaller.`,
  );
}
