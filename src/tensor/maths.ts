/** Products and norms of float32 vectors, accumulated in float64. */
import { InvalidArgumentError } from '../errors.ts';

/** Inner product. @throws InvalidArgumentError if the lengths differ. */
export function dot(a: Float32Array, b: Float32Array): number {
  requireSameLength(a, b);
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

/** Euclidean length. */
export function norm(a: Float32Array): number {
  return Math.sqrt(dot(a, a));
}

/** Cosine of the angle between two vectors, [-1, 1]; 0 where either is all zeros. @throws InvalidArgumentError if the lengths differ. */
export function cosine(a: Float32Array, b: Float32Array): number {
  const product = dot(a, b);
  const lengths = norm(a) * norm(b);
  return lengths === 0 ? 0 : Math.max(-1, Math.min(1, product / lengths));
}

/** target += scale * source, in place. @returns `target`. @throws InvalidArgumentError if the lengths differ. */
export function addScaled(target: Float32Array, source: Float32Array, scale: number): Float32Array {
  requireSameLength(target, source);
  for (let i = 0; i < target.length; i++) target[i] = target[i]! + scale * source[i]!;
  return target;
}

function requireSameLength(a: Float32Array, b: Float32Array): void {
  if (a.length !== b.length) {
    throw new InvalidArgumentError(
      'length',
      `Both vectors must have the same length, not ${a.length} and ${b.length}.`,
    );
  }
}
