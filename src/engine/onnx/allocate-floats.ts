import { OutOfMemoryError } from '../../errors.ts';

/** Zeros. @throws OutOfMemoryError where the machine, or V8's limit on one array, does not allow them. */
export function allocateFloats(count: number, what: string): Float32Array<ArrayBuffer> {
  return orOutOfMemory(count, what, () => new Float32Array(count));
}

/**
 * Zeros that {@link resizeFloats} can lengthen to `most` without moving them: addresses are reserved, memory is not.
 * Where so many addresses are not to be had, they are as {@link allocateFloats} gives them.
 *
 * @throws OutOfMemoryError
 */
export function allocateGrowable(count: number, most: number, what: string): Float32Array<ArrayBuffer> {
  const bytes = Float32Array.BYTES_PER_ELEMENT;
  try {
    return new Float32Array(new ArrayBuffer(count * bytes, { maxByteLength: most * bytes }));
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return allocateFloats(count, what);
  }
}

/** @throws OutOfMemoryError */
export function resizeFloats(floats: Float32Array, count: number, what: string): void {
  orOutOfMemory(count, what, () =>
    (floats.buffer as ArrayBuffer).resize(count * Float32Array.BYTES_PER_ELEMENT),
  );
}

function orOutOfMemory<T>(count: number, what: string, allocate: () => T): T {
  try {
    return allocate();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const bytes = count * Float32Array.BYTES_PER_ELEMENT;
    throw new OutOfMemoryError(
      bytes,
      0,
      `The machine did not give ${Math.round(bytes / 2 ** 20)} MiB for ${what} (${error.message}). Run fewer or shorter sequences at once.`,
    );
  }
}
