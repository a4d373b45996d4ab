import { createHash } from 'node:crypto';
import type { SteeringVector } from '../vectors/vector.ts';

/** SHA-256 over numbers as little-endian float32, as hex. */
export function hashFloats(...tensors: readonly Float32Array[]): string {
  const hash = createHash('sha256');
  // Every platform that Node runs on is little-endian but s390x, which onnxruntime does not run on.
  for (const { buffer, byteOffset, byteLength } of tensors)
    hash.update(new Uint8Array(buffer, byteOffset, byteLength));
  return hash.digest('hex');
}

/**
 * SHA-256 over what a vector does: how its keys were taken, keys, values, and of each centroid keys, values and state.
 * Its name, date and maker do not count; nor do the kept heads, as the others are zero in the tensors.
 */
export function hashVector({ keyMode, keys, values, centroids }: SteeringVector): string {
  const tensors = [keys, values, ...(centroids ?? []).flatMap((one) => [one.keys, one.values, one.state])];
  return createHash('sha256')
    .update(`${[keyMode, ...tensors.map((tensor) => hashFloats(tensor))].join('\n')}\n`)
    .digest('hex');
}
