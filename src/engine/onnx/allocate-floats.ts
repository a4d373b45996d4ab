import { OutOfMemoryError } from '../../errors.ts';
import { type KvBuffer, type KvPrecision, kvArrays } from './kv-precision.ts';

/** Zeros. @throws OutOfMemoryError where the machine, or V8's limit on one array, does not allow them. */
export function allocateFloats(count: number, what: string): Float32Array<ArrayBuffer> {
  return orOutOfMemory(count * Float32Array.BYTES_PER_ELEMENT, what, () => new Float32Array(count));
}

/**
 * Zeros that {@link resizeInPlace} can lengthen to `most` without moving them: addresses are reserved, memory is not.
 * Where so many addresses are not to be had, they are as long as they are.
 *
 * @throws OutOfMemoryError
 */
export function allocateGrowable(
  precision: KvPrecision,
  count: number,
  most: number,
  what: string,
): KvBuffer {
  const Numbers = kvArrays[precision];
  const bytes = Numbers.BYTES_PER_ELEMENT;
  try {
    return new Numbers(new ArrayBuffer(count * bytes, { maxByteLength: most * bytes }));
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return orOutOfMemory(count * bytes, what, () => new Numbers(count));
  }
}

/** @throws OutOfMemoryError */
export function resizeInPlace(numbers: KvBuffer, count: number, what: string): void {
  const bytes = count * numbers.BYTES_PER_ELEMENT;
  orOutOfMemory(bytes, what, () => (numbers.buffer as ArrayBuffer).resize(bytes));
}

function orOutOfMemory<T>(bytes: number, what: string, allocate: () => T): T {
  try {
    return allocate();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new OutOfMemoryError(
      bytes,
      0,
      `The machine did not give ${Math.round(bytes / 2 ** 20)} MiB for ${what} (${error.message}). Run fewer or shorter sequences at once.`,
    );
  }
}
