import type { BlockCodec } from './affine-blocks.ts';
import { halfAt } from './half.ts';

/** 32 weights: scale f16, 16 bytes of nibbles; byte j holds weights j (low) and j + 16 (high). d * (q - 8). */
export const q4_0: BlockCodec = {
  bits: 4,
  size: 32,
  centre: 8,
  hasMinima: false,
  unpack(bytes, { quants, scales }) {
    for (let block = 0, at = 0, to = 0; at < bytes.length; block++, at += 18, to += 32) {
      scales[block] = halfAt(bytes, at);
      for (let j = 0; j < 16; j++) {
        const pair = bytes[at + 2 + j]!;
        quants[to + j] = pair & 15;
        quants[to + j + 16] = pair >> 4;
      }
    }
  },
};
