import { InvalidFileError } from '../../errors.ts';
import { bfloat16ToFloat32, float16ToFloat32 } from '../float16.ts';
import { copyInHostOrder } from './byte-order.ts';
import { dtypeBytes, type SafetensorsDtype } from './dtype.ts';
import { parseSafetensorsHeader } from './header.ts';
import type { SafetensorsLimits } from './limits.ts';

/** A tensor of a file: a view, not a copy. */
export interface SafetensorsTensor {
  readonly name: string;
  /** The file it came from, for errors. */
  readonly path: string;
  readonly dtype: SafetensorsDtype;
  /** Row-major; an empty shape is a scalar. */
  readonly shape: readonly number[];
  /** Little-endian elements, at any alignment; shares memory with the bytes that were read. */
  readonly data: Uint8Array;
}

export interface Safetensors {
  readonly tensors: Map<string, SafetensorsTensor>;
  /** `__metadata__`; an object without prototype. */
  readonly metadata: Record<string, string>;
}

/**
 * Reads a whole safetensors file that is in memory. Tensors are views of `bytes`; nothing is converted.
 *
 * @param path names the file in errors.
 * @param options bounds on the header, see {@link SafetensorsLimits}.
 * @throws InvalidFileError for a damaged file, as `parseSafetensorsHeader`.
 */
export function readSafetensors(bytes: Uint8Array, path: string, options?: SafetensorsLimits): Safetensors {
  const header = parseSafetensorsHeader(bytes, bytes.byteLength, path, options);
  const tensors = new Map<string, SafetensorsTensor>();
  for (const [name, { dtype, shape, begin, end }] of header.tensors) {
    // Not subarray: of a Node Buffer that would be a Buffer again, whose slice() does not copy.
    const data = new Uint8Array(bytes.buffer, bytes.byteOffset + header.dataOffset + begin, end - begin);
    tensors.set(name, { name, path, dtype, shape, data });
  }
  return { tensors, metadata: header.metadata };
}

export interface ToFloat32Options {
  /**
   * What NaN and infinities do: `'reject'` (default) throws, `'allow'` passes them on. A float64 past float32's range
   * counts as infinite.
   */
  readonly nonFinite?: 'reject' | 'allow';
}

/**
 * The elements of a float tensor (F32, F16, BF16 or F64) as a new Float32Array, in the file's row-major order.
 * F32, F16 and BF16 convert exactly, F64 rounds to nearest.
 *
 * @throws InvalidFileError for another dtype, for data that does not fit the shape, and (by default) for NaN or infinities.
 */
export function tensorToFloat32(tensor: SafetensorsTensor, options: ToFloat32Options = {}): Float32Array {
  const { dtype, data } = tensor;
  const fail = (message: string): never => {
    throw new InvalidFileError(tensor.path, `Tensor ${JSON.stringify(tensor.name)}: ${message}`);
  };
  const count = tensor.shape.reduce((product, size) => product * size, 1);
  if (data.byteLength !== count * dtypeBytes(dtype)) {
    return fail(
      `expected ${count} elements of ${dtype}, found ${data.byteLength} bytes. Read the tensor again.`,
    );
  }
  const floats = decode(dtype, data);
  if (floats === undefined) {
    return fail(
      `expected float elements (F32, F16, BF16, F64), found ${dtype}. Use the tensor's bytes instead.`,
    );
  }
  if ((options.nonFinite ?? 'reject') === 'reject') {
    for (let i = 0; i < floats.length; i++) {
      if (!Number.isFinite(floats[i])) {
        return fail(
          `expected finite numbers, found ${floats[i]} at element ${i} of ${count}. ` +
            'The values are damaged or overflowed: write the file again from good values.',
        );
      }
    }
  }
  return floats;
}

function decode(dtype: SafetensorsDtype, data: Uint8Array): Float32Array | undefined {
  switch (dtype) {
    case 'F32':
      return new Float32Array(copyInHostOrder(data, 4).buffer);
    case 'F16':
      return float16ToFloat32(new Uint16Array(copyInHostOrder(data, 2).buffer));
    case 'BF16':
      return bfloat16ToFloat32(new Uint16Array(copyInHostOrder(data, 2).buffer));
    case 'F64':
      return Float32Array.from(new Float64Array(copyInHostOrder(data, 8).buffer));
    default:
      return undefined;
  }
}
