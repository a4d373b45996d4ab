import type { BlockCodec } from './affine-blocks.ts';
import { unpackScalesAndMinima } from './k-scales.ts';

/** 256 weights in 8 blocks of 32: scales and minima, then 128 bytes; each 32 bytes hold two blocks (low, high nibbles). */
export const q4_k: BlockCodec = {
  bits: 4,
  size: 32,
  centre: 8,
  hasMinima: true,
  unpack(bytes, { quants, scales, minima }) {
    for (let block = 0, at = 0, to = 0; at < bytes.length; block += 8, at += 144) {
      unpackScalesAndMinima(bytes, at, scales, minima!, block);
      for (let pairs = at + 16; pairs < at + 144; pairs += 32, to += 64) {
        for (let j = 0; j < 32; j++) {
          const pair = bytes[pairs + j]!;
          quants[to + j] = pair & 15;
          quants[to + j + 32] = pair >> 4;
        }
      }
    }
  },
};
