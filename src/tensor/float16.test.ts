import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InvalidArgumentError } from '../errors.ts';
import { bfloat16ToFloat32, float16ToFloat32, float32ToBfloat16, float32ToFloat16 } from './float16.ts';

const everyPattern = Uint16Array.from({ length: 65_536 }, (_, i) => i);

/** The definition of binary16, in float64. */
function halfValue(pattern: number): number {
  const sign = pattern & 0x8000 ? -1 : 1;
  const exponent = (pattern >> 10) & 31;
  const mantissa = pattern & 1023;
  if (exponent === 31) return mantissa ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return exponent === 0 ? sign * mantissa * 2 ** -24 : sign * (1 + mantissa / 1024) * 2 ** (exponent - 15);
}

/** Nearest of a format's non-negative finite values, ties to the even pattern, by search. */
function nearest(value: number, decode: (pattern: number) => number, infinity: number): number {
  let low = 0;
  let high = infinity;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (decode(middle) <= value) low = middle;
    else high = middle;
  }
  // Past the last finite value the next step stands for infinity.
  const above = high === infinity ? 2 * decode(low) - decode(low - 1) : decode(high);
  const down = value - decode(low);
  const up = above - value;
  return down < up || (down === up && low % 2 === 0) ? low : high;
}

const brainFloats = bfloat16ToFloat32(everyPattern);
const floats = fc
  .oneof(
    fc.float({ noNaN: true, noDefaultInfinity: true }),
    fc.float({ noNaN: true, min: Math.fround(-70_000), max: Math.fround(70_000) }),
    fc.float({ noNaN: true, min: Math.fround(-1e-4), max: Math.fround(1e-4) }),
    // Exact ties and their neighbours.
    fc.tuple(fc.nat(0x7bff), fc.constantFrom(-1, 0, 1)).map(([pattern, step]) => {
      const bits = new Uint32Array(Float32Array.of((halfValue(pattern) + halfValue(pattern + 1)) / 2).buffer);
      bits[0]! += step;
      return new Float32Array(bits.buffer)[0]!;
    }),
  )
  .filter(Number.isFinite);

describe('float16', () => {
  it('decodes every pattern by the definition', () => {
    const decoded = float16ToFloat32(everyPattern);
    const wrong = [...everyPattern].filter((i) => !Object.is(decoded[i], halfValue(i)));
    expect(wrong).toEqual([]);
  });

  it('gives back every pattern', () => {
    expect(float32ToFloat16(float16ToFloat32(everyPattern))).toEqual(everyPattern);
  });

  it('rounds to nearest, ties to even', () => {
    fc.assert(
      fc.property(floats, (value) => {
        const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
        const expected = sign | nearest(Math.abs(value), halfValue, 0x7c00);
        expect(float32ToFloat16(Float32Array.of(value))[0]).toBe(expected);
      }),
      { numRuns: 5000 },
    );
  });

  it('keeps NaN a NaN when its payload does not fit, and infinities', () => {
    const nan = new Float32Array(Uint32Array.of(0x7f800001, 0xff800001).buffer);
    expect([...float32ToFloat16(nan)]).toEqual([0x7e00, 0xfe00]);
    expect([...float32ToFloat16(Float32Array.of(65519, 65520, -1e38, Number.POSITIVE_INFINITY))]).toEqual([
      0x7bff, 0x7c00, 0xfc00, 0x7c00,
    ]);
  });
});

describe('bfloat16', () => {
  it('decodes to the upper half of a float32', () => {
    expect([...bfloat16ToFloat32(Uint16Array.of(0x3f80, 0xc000, 0x0001, 0x8000))]).toEqual([
      1,
      -2,
      2 ** -133,
      -0,
    ]);
  });

  it('gives back every pattern', () => {
    expect(float32ToBfloat16(brainFloats)).toEqual(everyPattern);
  });

  it('rounds to nearest, ties to even', () => {
    fc.assert(
      fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), (value) => {
        const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
        const expected = sign | nearest(Math.abs(value), (pattern) => brainFloats[pattern]!, 0x7f80);
        expect(float32ToBfloat16(Float32Array.of(value))[0]).toBe(expected);
      }),
      { numRuns: 2000 },
    );
    // 1 + 2^-8 and 1 + 3 * 2^-8 lie halfway: to even mantissas.
    expect([...float32ToBfloat16(Float32Array.of(1 + 2 ** -8, 1 + 3 * 2 ** -8))]).toEqual([0x3f80, 0x3f82]);
  });

  it('keeps NaN a NaN when its payload does not fit', () => {
    const nan = new Float32Array(Uint32Array.of(0x7f800001, 0xffffffff).buffer);
    expect([...float32ToBfloat16(nan)]).toEqual([0x7fc0, 0xffff]);
  });
});

it('fills a part of a larger array', () => {
  const target = new Float32Array(3);
  float16ToFloat32(Uint16Array.of(0x3c00), target.subarray(1, 2));
  bfloat16ToFloat32(Uint16Array.of(0x4000), target.subarray(2));
  expect([...target]).toEqual([0, 1, 2]);
  expect(() => float16ToFloat32(Uint16Array.of(1), target)).toThrow(InvalidArgumentError);
});
