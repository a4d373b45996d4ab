import { halfAt } from './half.ts';

/**
 * Head of a Q4_K or Q5_K super-block: d f16, dmin f16, then eight 6-bit scales and eight 6-bit minima in 12 bytes.
 * The last four of each keep their low nibbles in bytes 8-11 and their top two bits above those of the first four.
 */
export function unpackScalesAndMinima(
  bytes: Uint8Array,
  at: number,
  scales: Float32Array,
  minima: Float32Array,
  block: number,
): void {
  const d = halfAt(bytes, at);
  const dmin = halfAt(bytes, at + 2);
  const packed = at + 4;
  for (let j = 0; j < 4; j++) {
    const a = bytes[packed + j]!;
    const b = bytes[packed + 4 + j]!;
    const c = bytes[packed + 8 + j]!;
    scales[block + j] = d * (a & 63);
    minima[block + j] = -dmin * (b & 63);
    scales[block + 4 + j] = d * ((c & 15) | ((a >> 6) << 4));
    minima[block + 4 + j] = -dmin * ((c >> 4) | ((b >> 6) << 4));
  }
}
