import type { BlockCodec } from './affine-blocks.ts';
import { halfAt } from './half.ts';

/**
 * 256 weights in 16 blocks of 16: 128 bytes of nibbles, 64 bytes of top bit pairs, 16 signed 8-bit scales, d f16.
 * d * scale * (q - 32). Each half (128 weights) is four runs of 32 that share bytes.
 */
export const q6_k: BlockCodec = {
  bits: 8,
  size: 16,
  centre: 32,
  hasMinima: false,
  unpack(bytes, { quants, scales }) {
    for (let block = 0, at = 0, to = 0; at < bytes.length; block += 16, at += 210) {
      const d = halfAt(bytes, at + 208);
      for (let j = 0; j < 16; j++) scales[block + j] = d * ((bytes[at + 192 + j]! << 24) >> 24);
      for (let half = 0; half < 2; half++, to += 128) {
        const nibbles = at + 64 * half;
        const tops = at + 128 + 32 * half;
        for (let j = 0; j < 32; j++) {
          const a = bytes[nibbles + j]!;
          const b = bytes[nibbles + 32 + j]!;
          const top = bytes[tops + j]!;
          quants[to + j] = (a & 15) | ((top & 3) << 4);
          quants[to + j + 32] = (b & 15) | ((top & 12) << 2);
          quants[to + j + 64] = (a >> 4) | (top & 48);
          quants[to + j + 96] = (b >> 4) | ((top & 192) >> 2);
        }
      }
    }
  },
};
