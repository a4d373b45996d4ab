import type { BlockCodec } from './affine-blocks.ts';
import { unpackScalesAndMinima } from './k-scales.ts';

/** As Q4_K, with 32 bytes of fifth bits before the nibbles: bit i of byte j belongs to weight j of block i. */
export const q5_k: BlockCodec = {
  bits: 8,
  size: 32,
  centre: 16,
  hasMinima: true,
  unpack(bytes, { quants, scales, minima }) {
    for (let block = 0, at = 0, to = 0; at < bytes.length; block += 8, at += 176) {
      unpackScalesAndMinima(bytes, at, scales, minima!, block);
      for (let chunk = 0; chunk < 4; chunk++, to += 64) {
        for (let j = 0; j < 32; j++) {
          const fifths = bytes[at + 16 + j]! >> (2 * chunk);
          const pair = bytes[at + 48 + 32 * chunk + j]!;
          quants[to + j] = (pair & 15) | ((fifths & 1) << 4);
          quants[to + j + 32] = (pair >> 4) | ((fifths & 2) << 3);
        }
      }
    }
  },
};
