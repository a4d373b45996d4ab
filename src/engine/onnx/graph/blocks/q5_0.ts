import type { BlockCodec } from './affine-blocks.ts';
import { halfAt } from './half.ts';

/** 32 weights: scale f16, 32 fifth bits, 16 bytes of nibbles as in Q4_0. d * (q - 16). */
export const q5_0: BlockCodec = {
  bits: 8,
  size: 32,
  centre: 16,
  hasMinima: false,
  unpack(bytes, { quants, scales }) {
    for (let block = 0, at = 0, to = 0; at < bytes.length; block++, at += 22, to += 32) {
      scales[block] = halfAt(bytes, at);
      unpackFiveBits(bytes, at + 2, quants, to);
    }
  },
};

/** 4 bytes of fifth bits (bit j belongs to weight j), then 16 bytes of nibbles. */
export function unpackFiveBits(bytes: Uint8Array, at: number, quants: Uint8Array, to: number): void {
  for (let j = 0; j < 16; j++) {
    const pair = bytes[at + 4 + j]!;
    const low = (bytes[at + (j >> 3)]! >> (j & 7)) & 1;
    const high = (bytes[at + 2 + (j >> 3)]! >> (j & 7)) & 1;
    quants[to + j] = (pair & 15) | (low << 4);
    quants[to + j + 16] = (pair >> 4) | (high << 4);
  }
}
