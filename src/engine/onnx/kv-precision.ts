/** How the numbers of the KV cache lie in memory. */
export type KvPrecision = 'fp32' | 'fp16';

/** float32, or the bit patterns of float16. */
export type KvBuffer = Float32Array | Uint16Array;

export const kvArrays = { fp32: Float32Array, fp16: Uint16Array } as const;
