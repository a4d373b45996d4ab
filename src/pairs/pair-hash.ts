import type { ContrastivePair } from './pair.ts';

/**
 * SHA-256 [32 bytes] of what the model reads of a pair: for the positive, then the negative side, little-endian u32s:
 * extraction position, token count, token ids.
 */
export async function pairDigest({ positive, negative }: ContrastivePair): Promise<Uint8Array> {
  const words = [positive, negative].flatMap(({ position, tokens }) => [position, tokens.length, ...tokens]);
  const bytes = new DataView(new ArrayBuffer(words.length * 4));
  for (const [i, word] of words.entries()) bytes.setUint32(i * 4, word, true);
  return sha256(bytes.buffer);
}

/** SHA-256 over the pairs' digests in order, as hex. Digests, so that it streams and shards: 32 bytes a pair. */
export async function hashDigests(digests: readonly Uint8Array[]): Promise<string> {
  const all = new Uint8Array(digests.length * 32);
  for (const [i, digest] of digests.entries()) all.set(digest, i * 32);
  return Array.from(await sha256(all.buffer), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/**
 * The identity of a list of pairs, which a vector made from them records: hex SHA-256 over token ids and positions.
 */
export async function hashPairs(pairs: readonly ContrastivePair[]): Promise<string> {
  return hashDigests(await Promise.all(pairs.map(pairDigest)));
}

// WebCrypto, so that it runs in a browser too.
async function sha256(bytes: ArrayBuffer): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
}
