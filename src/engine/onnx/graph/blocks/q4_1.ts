import type { BlockCodec } from './affine-blocks.ts';
import { halfAt } from './half.ts';

/** 32 weights: scale f16, minimum f16, 16 bytes of nibbles as in Q4_0. d * q + m. */
export const q4_1: BlockCodec = {
  bits: 4,
  size: 32,
  centre: 8,
  hasMinima: true,
  unpack(bytes, { quants, scales, minima }) {
    for (let block = 0, at = 0, to = 0; at < bytes.length; block++, at += 20, to += 32) {
      scales[block] = halfAt(bytes, at);
      minima![block] = halfAt(bytes, at + 2);
      for (let j = 0; j < 16; j++) {
        const pair = bytes[at + 4 + j]!;
        quants[to + j] = pair & 15;
        quants[to + j + 16] = pair >> 4;
      }
    }
  },
};
