/**
 * Block types as ONNX Runtime's MatMulNBits takes them, without rounding anything again.
 *
 * MatMulNBits computes with w' = scale * (u - z), u of 4 or 8 bits, z fixed at the middle (8 or 128; a zero point of
 * its own would have to be an integer, which a minimum is not, and float zero points are unusably slow on the CPU).
 * A type without minima maps exactly. One with minima, w = scale * q + minimum, maps onto
 *
 *     x . w = x . scale * (q - centre) + sum over blocks of (sum of x in the block) * (minimum + scale * centre)
 *
 * whose second part, the block-sum correction, is a float32 product 16 to 32 times smaller than the first.
 * Both parts are exact; what remains is the rounding of activations to 8 bits that accuracy_level 4 stands for.
 * That rounding has one scale a block of x, so it is finer where 4-bit blocks of 32 are handed over as two of 16 with the
 * same scale. SmolLM2-135M (Q4_1), 310 unsteered golden positions, mean KL from float32 and likeliest tokens that agree:
 * none halved 0.0048, 301; the attention's products 0.0031, 306 (for some 5 % of a token's time); all 0.0024, 302 (for 20 %).
 * Float activations for q, k and v do better still (0.0025), but one row then differs from the same row in a batch.
 */
import type { AffineBlocks } from './blocks/affine-blocks.ts';

/** N rows (outputs) of K weights. */
export interface BlockImage {
  readonly bits: 4 | 8;
  /** Weights of a MatMulNBits block. */
  readonly blockSize: 16 | 32;
  /** [N, K / blockSize, blockSize * bits / 8], low nibble first. */
  readonly packed: Uint8Array;
  /** [N, K / blockSize] */
  readonly scales: Float32Array;
  /** [N, K / size of the source's blocks]: factors of the block sums of x; null where there are no minima. */
  readonly correction: Float32Array | null;
}

/** The size of MatMulNBits blocks for a source's blocks; `halved` asks for finer rounding of activations, at 4 bits. */
export function productBlockSize(
  { bits, size }: Pick<AffineBlocks, 'bits' | 'size'>,
  halved: boolean,
): 16 | 32 {
  return halved && bits === 4 ? 16 : size;
}

/** The exact image of unpacked blocks. Row boundaries do not matter: blocks never span rows. */
export function blockImage(
  { bits, size, centre, quants, scales, minima }: AffineBlocks,
  halved = false,
): BlockImage {
  let packed: Uint8Array;
  if (bits === 4) {
    packed = new Uint8Array(quants.length / 2);
    for (let i = 0; i < packed.length; i++) packed[i] = quants[2 * i]! | (quants[2 * i + 1]! << 4);
  } else {
    packed = quants.map((quant) => quant - centre + 128);
  }
  const blockSize = productBlockSize({ bits, size }, halved);
  const parts = size / blockSize;
  const repeated = new Float32Array(scales.length * parts);
  for (let i = 0; i < repeated.length; i++) repeated[i] = scales[Math.floor(i / parts)]!;
  const correction = minima?.map((minimum, block) => minimum + scales[block]! * centre) ?? null;
  return { bits, blockSize, packed, scales: repeated, correction };
}

/**
 * A first quantisation, of weights stored as floats: blocks of 32 to 8 bits, scale = largest magnitude / 127, to
 * nearest. Error at most scale / 2 a weight. (Not for weights that were quantised before.)
 *
 * @param values [n * 32]
 */
export function quantizeToEightBits(values: Float32Array): AffineBlocks {
  const size = 32;
  const quants = new Uint8Array(values.length);
  const scales = new Float32Array(values.length / size);
  for (let block = 0; block < scales.length; block++) {
    const from = block * size;
    let largest = 0;
    for (let i = from; i < from + size; i++) largest = Math.max(largest, Math.abs(values[i]!));
    const scale = Math.fround(largest / 127);
    scales[block] = scale;
    for (let i = from; i < from + size; i++) {
      quants[i] = 128 + (scale === 0 ? 0 : Math.max(-127, Math.min(127, Math.round(values[i]! / scale))));
    }
  }
  return { bits: 8, size, centre: 128, quants, scales, minima: null };
}
