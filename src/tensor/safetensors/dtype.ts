/** The element types of a safetensors file that fill whole bytes, and their sizes. */
const bytesPerElement = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  F8_E4M3: 1,
  F8_E5M2: 1,
  F8_E8M0: 1,
  U16: 2,
  I16: 2,
  F16: 2,
  BF16: 2,
  U32: 4,
  I32: 4,
  F32: 4,
  U64: 8,
  I64: 8,
  F64: 8,
  C64: 8,
} as const;

/** Element type as the file names it. Sub-byte types (F4, F6_*) are not supported. */
export type SafetensorsDtype = keyof typeof bytesPerElement;

export const safetensorsDtypes = Object.keys(bytesPerElement) as readonly SafetensorsDtype[];

/** Bytes of one element: 1, 2, 4 or 8. */
export function dtypeBytes(dtype: SafetensorsDtype): number {
  return bytesPerElement[dtype];
}

export function isSafetensorsDtype(name: string): name is SafetensorsDtype {
  // hasOwn, so that `constructor` or `__proto__` in a file is an unknown type and nothing else.
  return Object.hasOwn(bytesPerElement, name);
}
