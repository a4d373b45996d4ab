/**
 * IEEE 754 binary16 and bfloat16 against float32, on bit patterns: both sides are seen as integers, so NaN payloads,
 * signed zeros and subnormals survive and every 16-bit pattern comes back from a round trip.
 */
import { InvalidArgumentError } from '../errors.ts';

/**
 * Exact.
 *
 * @param source [n] binary16 bit patterns.
 * @param target [n] filled and returned; default: a new array.
 * @throws InvalidArgumentError if the lengths differ.
 */
export function float16ToFloat32(
  source: Uint16Array,
  target: Float32Array = new Float32Array(source.length),
): Float32Array {
  requireSameLength(source, target);
  const bits = new Uint32Array(target.buffer, target.byteOffset, target.length);
  for (let i = 0; i < source.length; i++) {
    const half = source[i]!;
    const sign = (half & 0x8000) << 16;
    const exponent = half & 0x7c00;
    const mantissa = half & 0x03ff;
    if (exponent === 0x7c00) {
      bits[i] = sign | 0x7f800000 | (mantissa << 13);
    } else if (exponent !== 0) {
      // Rebias: 127 - 15 = 112.
      bits[i] = sign | ((exponent << 13) + (112 << 23)) | (mantissa << 13);
    } else if (mantissa === 0) {
      bits[i] = sign;
    } else {
      // Subnormal: mantissa * 2^-24; every such value is a normal float32.
      target[i] = mantissa * 2 ** -24;
      bits[i]! |= sign;
    }
  }
  return target;
}

/**
 * Rounds to nearest, ties to even; past 65,519.99 becomes infinity; NaN stays NaN.
 *
 * @returns [n] binary16 bit patterns.
 */
export function float32ToFloat16(source: Float32Array): Uint16Array<ArrayBuffer> {
  const bits = new Uint32Array(source.buffer, source.byteOffset, source.length);
  const halves = new Uint16Array(source.length);
  for (let i = 0; i < halves.length; i++) halves[i] = halfOf(bits[i]!);
  return halves;
}

function halfOf(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) {
    // A payload that lies in the dropped bits only must not turn into infinity.
    return sign | 0x7c00 | ((magnitude >>> 13) & 0x3ff || 0x200);
  }
  // 65520 = 0x477ff000: halfway between the largest half and the next step, rounds to infinity.
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude >= 0x38800000) {
    // Normal, >= 2^-14. A carry out of the mantissa lands in the exponent, as it should.
    const rebiased = magnitude - (112 << 23);
    return sign | ((rebiased + 0xfff + ((rebiased >>> 13) & 1)) >>> 13);
  }
  // Subnormal half in units of 2^-24; below 2^-25 (or at it: ties to even) it is zero.
  if (magnitude <= 0x33000000) return sign;
  const mantissa = (magnitude & 0x7fffff) | 0x800000;
  const shift = 126 - (magnitude >>> 23);
  const half = mantissa >>> shift;
  const rest = mantissa & ((1 << shift) - 1);
  const middle = 1 << (shift - 1);
  return sign | (half + (rest > middle || (rest === middle && (half & 1) === 1) ? 1 : 0));
}

/**
 * Exact.
 *
 * @param source [n] bfloat16 bit patterns.
 * @param target [n] filled and returned; default: a new array.
 * @throws InvalidArgumentError if the lengths differ.
 */
export function bfloat16ToFloat32(
  source: Uint16Array,
  target: Float32Array = new Float32Array(source.length),
): Float32Array {
  requireSameLength(source, target);
  const bits = new Uint32Array(target.buffer, target.byteOffset, target.length);
  for (let i = 0; i < source.length; i++) bits[i] = source[i]! << 16;
  return target;
}

/**
 * Rounds to nearest, ties to even; NaN stays NaN.
 *
 * @returns [n] bfloat16 bit patterns.
 */
export function float32ToBfloat16(source: Float32Array): Uint16Array<ArrayBuffer> {
  const bits = new Uint32Array(source.buffer, source.byteOffset, source.length);
  const brains = new Uint16Array(source.length);
  for (let i = 0; i < brains.length; i++) {
    const value = bits[i]!;
    const high = value >>> 16;
    if ((value & 0x7fffffff) > 0x7f800000) brains[i] = high & 0x7f ? high : high | 0x40;
    else brains[i] = (value + 0x7fff + (high & 1)) >>> 16;
  }
  return brains;
}

function requireSameLength(source: Uint16Array, target: Float32Array): void {
  if (source.length !== target.length) {
    throw new InvalidArgumentError(
      'target',
      `The target must hold ${source.length} elements like the source, not ${target.length}.`,
    );
  }
}
