/** How a checkpoint stores numbers: blocks of `elements` weights in `bytes` bytes, as ggml defines them. */
const layouts = {
  F32: { elements: 1, bytes: 4 },
  F16: { elements: 1, bytes: 2 },
  BF16: { elements: 1, bytes: 2 },
  Q4_0: { elements: 32, bytes: 18 },
  Q4_1: { elements: 32, bytes: 20 },
  Q5_0: { elements: 32, bytes: 22 },
  Q5_1: { elements: 32, bytes: 24 },
  Q8_0: { elements: 32, bytes: 34 },
  Q4_K: { elements: 256, bytes: 144 },
  Q5_K: { elements: 256, bytes: 176 },
  Q6_K: { elements: 256, bytes: 210 },
} as const;

export type StorageType = keyof typeof layouts;

export type FloatType = 'F32' | 'F16' | 'BF16';

export type BlockType = Exclude<StorageType, FloatType>;

export const storageTypes = Object.keys(layouts) as readonly StorageType[];

/** Weights a block holds (1 for the float types) and the bytes it takes. */
export function blockLayout(type: StorageType): { readonly elements: number; readonly bytes: number } {
  return layouts[type];
}

export function isFloatType(type: StorageType): type is FloatType {
  return type === 'F32' || type === 'F16' || type === 'BF16';
}
