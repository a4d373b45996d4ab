import { float16ToFloat32 } from '../../../../tensor/float16.ts';

/** Every binary16 pattern's value: 256 KiB, for the scale of each block. */
const values = float16ToFloat32(Uint16Array.from({ length: 65_536 }, (_, pattern) => pattern));

/** The little-endian binary16 number at `at`. */
export function halfAt(bytes: Uint8Array, at: number): number {
  return values[bytes[at]! | (bytes[at + 1]! << 8)]!;
}
