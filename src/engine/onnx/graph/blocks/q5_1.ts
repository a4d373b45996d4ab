import type { BlockCodec } from './affine-blocks.ts';
import { halfAt } from './half.ts';
import { unpackFiveBits } from './q5_0.ts';

/** 32 weights: scale f16, minimum f16, then as Q5_0. d * q + m. */
export const q5_1: BlockCodec = {
  bits: 8,
  size: 32,
  centre: 16,
  hasMinima: true,
  unpack(bytes, { quants, scales, minima }) {
    for (let block = 0, at = 0, to = 0; at < bytes.length; block++, at += 24, to += 32) {
      scales[block] = halfAt(bytes, at);
      minima![block] = halfAt(bytes, at + 2);
      unpackFiveBits(bytes, at + 4, quants, to);
    }
  },
};
