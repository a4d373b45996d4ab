import { OutOfMemoryError } from '../../errors.ts';

/** Zeros. @throws OutOfMemoryError where the machine, or V8's limit on one array, does not allow them. */
export function allocateFloats(count: number, what: string): Float32Array<ArrayBuffer> {
  try {
    return new Float32Array(count);
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
