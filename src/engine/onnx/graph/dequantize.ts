/** Stored bytes to numbers: float32, or the small integers and scales of a block type. */
import { bfloat16ToFloat32, float16ToFloat32 } from '../../../tensor/float16.ts';
import type { AffineBlocks, BlockCodec } from './blocks/affine-blocks.ts';
import { q4_0 } from './blocks/q4_0.ts';
import { q4_1 } from './blocks/q4_1.ts';
import { q4_k } from './blocks/q4_k.ts';
import { q5_0 } from './blocks/q5_0.ts';
import { q5_1 } from './blocks/q5_1.ts';
import { q5_k } from './blocks/q5_k.ts';
import { q6_k } from './blocks/q6_k.ts';
import { q8_0 } from './blocks/q8_0.ts';
import {
  type BlockType,
  blockLayout,
  type FloatType,
  isFloatType,
  type StorageType,
} from './storage-type.ts';

const codecs: Record<BlockType, BlockCodec> = {
  Q4_0: q4_0,
  Q4_1: q4_1,
  Q5_0: q5_0,
  Q5_1: q5_1,
  Q8_0: q8_0,
  Q4_K: q4_k,
  Q5_K: q5_k,
  Q6_K: q6_k,
};

/** How a block type's weights come out of {@link unpackBlocks}. */
export function blockCodec(type: BlockType): BlockCodec {
  return codecs[type];
}

/** @param bytes whole stored blocks of `type`. */
export function unpackBlocks(type: BlockType, bytes: Uint8Array): AffineBlocks {
  const { bits, size, centre, hasMinima, unpack } = codecs[type];
  const { elements, bytes: blockBytes } = blockLayout(type);
  const weights = (bytes.length / blockBytes) * elements;
  const quants = new Uint8Array(weights);
  const scales = new Float32Array(weights / size);
  const minima = hasMinima ? new Float32Array(weights / size) : null;
  unpack(bytes, { quants, scales, minima });
  return { bits, size, centre, quants, scales, minima };
}

/**
 * The float32 values that ggml's own dequantisation gives, to the bit.
 *
 * @param bytes whole stored blocks of `type`.
 */
export function dequantize(type: StorageType, bytes: Uint8Array): Float32Array<ArrayBuffer> {
  if (isFloatType(type)) return floats(type, bytes);
  const { size, centre, quants, scales, minima } = unpackBlocks(type, bytes);
  const values = new Float32Array(quants.length);
  for (let block = 0, at = 0; block < scales.length; block++) {
    const scale = scales[block]!;
    const zero = minima ? 0 : centre;
    // -0 is what adds nothing, to -0 as well
    const minimum = minima ? minima[block]! : -0;
    for (const end = at + size; at < end; at++) values[at] = scale * (quants[at]! - zero) + minimum;
  }
  return values;
}

function floats(type: FloatType, bytes: Uint8Array): Float32Array<ArrayBuffer> {
  // a copy: the bytes may start at any offset of their buffer
  const { buffer } = Uint8Array.from(bytes);
  switch (type) {
    case 'F32':
      return new Float32Array(buffer);
    case 'F16':
      return new Float32Array(float16ToFloat32(new Uint16Array(buffer)));
    case 'BF16':
      return new Float32Array(bfloat16ToFloat32(new Uint16Array(buffer)));
    default:
      return type satisfies never;
  }
}
