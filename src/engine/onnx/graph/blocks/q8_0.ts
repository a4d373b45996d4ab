import type { BlockCodec } from './affine-blocks.ts';
import { halfAt } from './half.ts';

/** 32 weights: scale f16, 32 signed bytes. d * q; here q + 128 around 128. */
export const q8_0: BlockCodec = {
  bits: 8,
  size: 32,
  centre: 128,
  hasMinima: false,
  unpack(bytes, { quants, scales }) {
    for (let block = 0, at = 0, to = 0; at < bytes.length; block++, at += 34, to += 32) {
      scales[block] = halfAt(bytes, at);
      // flipping the sign bit adds 128 to a signed byte
      for (let j = 0; j < 32; j++) quants[to + j] = bytes[at + 2 + j]! ^ 0x80;
    }
  },
};
