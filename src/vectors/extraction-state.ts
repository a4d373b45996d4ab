/** A stopped extraction's sums as a safetensors file. */

import { KvSteerError } from '../errors.ts';
import { copyInHostOrder } from '../tensor/safetensors/byte-order.ts';
import { readSafetensors, type Safetensors, tensorToFloat32 } from '../tensor/safetensors/read.ts';
import { writeSafetensors } from '../tensor/safetensors/write.ts';
import type { ExtractionState } from './extract-vector.ts';

const MOMENTS = 7;
const BLOCKS = 3;
const DIGEST_BYTES = 32;

export function stateToBytes({ accumulator, digests, tokens }: ExtractionState): Uint8Array {
  const { count, positions, moments, blocks } = accumulator;
  const size = moments[0]!.sum.length;
  const doubles = new Float64Array(MOMENTS * 3 * size);
  for (const [i, { sum, compensation, squaredDeviations }] of moments.entries()) {
    for (const [j, part] of [sum, compensation, squaredDeviations].entries())
      doubles.set(part, (i * 3 + j) * size);
  }
  const sums = new Float32Array(BLOCKS * blocks[0]!.length);
  for (const [i, block] of blocks.entries()) sums.set(block, i * block.length);
  const hashes = new Uint8Array(digests.length * DIGEST_BYTES);
  for (const [i, digest] of digests.entries()) hashes.set(digest, i * DIGEST_BYTES);
  return writeSafetensors(
    new Map([
      ['moments', { shape: [MOMENTS, 3, size], data: doubles }],
      ['blocks', { shape: [BLOCKS, blocks[0]!.length], data: sums }],
      ['digests', { shape: [digests.length, DIGEST_BYTES], data: hashes }],
    ]),
    { state: JSON.stringify({ count, positions, tokens, counts: moments.map((m) => m.count) }) },
  );
}

/**
 * @param size elements of each difference @param most pairs in all
 * @returns null for a file that is damaged or does not fit: then the run begins anew.
 */
export function stateFromBytes(
  bytes: Uint8Array,
  path: string,
  size: number,
  most: number,
): ExtractionState | null {
  try {
    return stateOf(readSafetensors(bytes, path), size, most);
  } catch (error) {
    if (KvSteerError.isInstance(error) || error instanceof SyntaxError) return null;
    throw error;
  }
}

function stateOf({ tensors, metadata }: Safetensors, size: number, most: number): ExtractionState | null {
  const { count, positions, tokens, counts } = JSON.parse(metadata.state ?? '{}');
  const [moments, blocks, digests] = ['moments', 'blocks', 'digests'].map((name) => tensors.get(name));
  const halves = [Math.ceil(count / 2), Math.floor(count / 2)];
  const fits =
    Number.isSafeInteger(count) &&
    count >= 1 &&
    count <= most &&
    Number.isSafeInteger(tokens) &&
    Array.isArray(positions) &&
    positions.length === 2 &&
    positions.every(Number.isFinite) &&
    String(counts) === String([...halves, ...halves, ...halves, count]) &&
    moments?.dtype === 'F64' &&
    moments.shape.join() === [MOMENTS, 3, size].join() &&
    blocks?.dtype === 'F32' &&
    blocks.shape[0] === BLOCKS &&
    blocks.shape[1]! % size === 0 &&
    digests?.dtype === 'U8' &&
    digests.shape.join() === [count, DIGEST_BYTES].join();
  if (!fits) return null;
  const doubles = new Float64Array(copyInHostOrder(moments.data, 8).buffer);
  const part = (i: number) => doubles.slice(i * size, (i + 1) * size);
  const sums = tensorToFloat32(blocks);
  const each = sums.length / BLOCKS;
  return {
    accumulator: {
      count,
      positions: [positions[0], positions[1]],
      moments: counts.map((held: number, i: number) => ({
        count: held,
        sum: part(3 * i),
        compensation: part(3 * i + 1),
        squaredDeviations: part(3 * i + 2),
      })),
      blocks: Array.from({ length: BLOCKS }, (_, i) => sums.slice(i * each, (i + 1) * each)),
    },
    digests: Array.from({ length: count }, (_, i) =>
      digests.data.slice(i * DIGEST_BYTES, (i + 1) * DIGEST_BYTES),
    ),
    tokens,
  };
}
