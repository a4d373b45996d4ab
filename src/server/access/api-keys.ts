import { createHash, timingSafeEqual } from 'node:crypto';
import { InvalidArgumentError } from '../../errors.ts';

/** The keys that let requests in. Only their hashes are kept, and every one is compared, in constant time. */
export class ApiKeys {
  readonly #hashes: readonly Buffer[];

  /** @throws InvalidArgumentError for a key under 16 characters, or with others than printable ASCII. */
  constructor(keys: readonly string[]) {
    for (const key of keys) {
      if (/^[\x21-\x7e]{16,512}$/.test(key)) continue;
      throw new InvalidArgumentError(
        'apiKeys',
        'An API key has 16 to 512 printable characters without spaces. Make one with: openssl rand -hex 32',
      );
    }
    this.#hashes = keys.map(hash);
  }

  /** @param authorization the header's value. @returns a name for the key that tells nothing of it, or null for none of ours. */
  ownerOf(authorization: string | undefined): string | null {
    const given = /^Bearer +(\S{1,512})$/i.exec(authorization ?? '')?.[1];
    if (given === undefined) return null;
    const hashed = hash(given);
    let found: string | null = null;
    for (const ours of this.#hashes) {
      if (timingSafeEqual(ours, hashed)) found = ours.toString('hex').slice(0, 8);
    }
    return found;
  }
}

function hash(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}
