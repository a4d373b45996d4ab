/** Vectors as bytes that are named by their SHA-256: how they travel to workers. */
import { InvalidFileError } from '../errors.ts';
import type { ActivationVector } from '../evaluate/activation.ts';
import { type Condition, plansOf } from '../evaluate/condition.ts';
import { hashFloats, hashVector } from '../evaluate/vector-hash.ts';
import type { SteeringVector } from '../vectors/vector.ts';
import { vectorFromBytes, vectorToBytes } from '../vectors/vector-bytes.ts';
import { bytesHash } from './content-hash.ts';

/** A vector of the largest models is some megabytes. */
export const MOST_BLOB_BYTES = 2 ** 26;

export interface VectorBlobs {
  /** By the SHA-256 of the bytes. */
  readonly blobs: ReadonlyMap<string, Uint8Array>;
  /** From a vector's hash in the run's configuration to that of its bytes. */
  readonly index: Readonly<Record<string, string>>;
}

/** The bytes of all vectors that the conditions use. */
export function vectorBlobs(conditions: Readonly<Record<string, Condition>>): VectorBlobs {
  const blobs = new Map<string, Uint8Array>();
  const index: Record<string, string> = {};
  const seen = new Set<unknown>();
  for (const condition of Object.values(conditions)) {
    for (const { vector } of plansOf(condition)) {
      if (seen.has(vector)) continue;
      seen.add(vector);
      const bytes = vectorToBytes(vector);
      const hash = bytesHash(bytes);
      blobs.set(hash, bytes);
      index[hashVector(vector)] = hash;
    }
    const { activation = null } = condition;
    if (activation === null || seen.has(activation.vector)) continue;
    seen.add(activation.vector);
    const { buffer, byteOffset, byteLength } = activation.vector.hidden;
    const hash = hashFloats(activation.vector.hidden);
    blobs.set(hash, new Uint8Array(buffer, byteOffset, byteLength));
    index[hash] = hash;
  }
  return { blobs, index };
}

/** @throws InvalidFileError where the bytes are not those that the hash names, or no vector. */
export function vectorOfBlob(bytes: Uint8Array, hash: string): SteeringVector {
  requireHash(bytes, hash);
  return vectorFromBytes(bytes, { path: `vector ${hash.slice(0, 12)}` });
}

/** @param layers of the model. @throws InvalidFileError */
export function activationOfBlob(bytes: Uint8Array, hash: string, layers: number): ActivationVector {
  requireHash(bytes, hash);
  if (bytes.byteLength === 0 || bytes.byteLength % (4 * layers) !== 0) {
    throw new InvalidFileError(
      `activation vector ${hash.slice(0, 12)}`,
      `expected float32 numbers for ${layers} layers, found ${bytes.byteLength} bytes.`,
    );
  }
  // A copy: the bytes need not lie on a multiple of four.
  const hidden = new Float32Array(bytes.slice().buffer);
  if (!hidden.every(Number.isFinite)) {
    throw new InvalidFileError(`activation vector ${hash.slice(0, 12)}`, 'expected finite numbers.');
  }
  return { hidden, layers, pairs: 0 };
}

function requireHash(bytes: Uint8Array, hash: string): void {
  if (bytesHash(bytes) === hash) return;
  throw new InvalidFileError(
    `vector ${hash.slice(0, 12)}`,
    'the bytes are not those that its SHA-256 names. Submit the sweep again.',
  );
}
