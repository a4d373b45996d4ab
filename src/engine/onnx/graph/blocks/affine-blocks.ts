/**
 * What every block type of ggml comes down to: small integers with a scale, and sometimes a minimum, a block.
 * A weight is `scale * (quant - centre)`, or `scale * quant + minimum` where there are minima. Exact: no rounding
 * happens between the stored bytes and this form, except float32 products that ggml rounds in the same way.
 */
export interface AffineBlocks {
  /** Bits of a MatMulNBits block that holds the integers; 8 where they need more than 4. */
  readonly bits: 4 | 8;
  /** Weights that share a scale. */
  readonly size: 16 | 32;
  /** The integer that stands for zero, or for the middle of the range where there are minima. */
  readonly centre: number;
  /** [blocks * size], each 0 .. 2 * centre - 1. */
  readonly quants: Uint8Array;
  /** [blocks] */
  readonly scales: Float32Array;
  /** [blocks], or null where the type has none. */
  readonly minima: Float32Array | null;
}

/** One block type's decoder. */
export interface BlockCodec {
  readonly bits: 4 | 8;
  readonly size: 16 | 32;
  readonly centre: number;
  readonly hasMinima: boolean;
  /**
   * @param bytes whole stored blocks.
   * @param into filled; `quants` as long as the weights in `bytes`.
   */
  unpack(
    bytes: Uint8Array,
    into: { quants: Uint8Array; scales: Float32Array; minima: Float32Array | null },
  ): void;
}
