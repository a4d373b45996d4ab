import { describe, expect, it } from 'vitest';
import { type Llama3Scaling, ropeInverseFrequencies } from '../../../tensor/rope.ts';
import { llama3ScalingOf } from './llama3-factors.ts';

const llama32: Llama3Scaling = {
  type: 'llama3',
  factor: 32,
  lowFreqFactor: 1,
  highFreqFactor: 4,
  originalContextLength: 8192,
};

const divisors = (theta: number, rotaryDim: number, scaling: Llama3Scaling) => {
  const plain = ropeInverseFrequencies({ theta, rotaryDim });
  return Float32Array.from(
    ropeInverseFrequencies({ theta, rotaryDim, scaling }),
    (scaled, i) => plain[i]! / scaled,
  );
};

describe('llama3ScalingOf', () => {
  it('tells the parameters of Llama 3.1 and 3.2', () => {
    expect(llama3ScalingOf(divisors(5e5, 64, llama32), 5e5)).toEqual(llama32);
    const llama31 = { ...llama32, factor: 8 };
    expect(llama3ScalingOf(divisors(5e5, 128, llama31), 5e5)).toEqual(llama31);
  });

  it('finds parameters with the same frequencies where the original context was another', () => {
    const scaling = { ...llama32, originalContextLength: 4096 };
    const given = divisors(5e5, 64, scaling);
    const found = llama3ScalingOf(given, 5e5)!;
    divisors(5e5, 64, found).forEach((divisor, i) => {
      expect(Math.abs(divisor / given[i]! - 1)).toBeLessThan(1e-4);
    });
  });

  it('sees no scaling in ones, and no llama3 in anything else', () => {
    expect(llama3ScalingOf(new Float32Array(32).fill(1), 1e4)).toBeUndefined();
    expect(llama3ScalingOf(new Float32Array(32).fill(4), 1e4)).toBeNull();
    expect(
      llama3ScalingOf(
        Float32Array.from({ length: 32 }, (_, i) => 1 + i),
        1e4,
      ),
    ).toBeNull();
    expect(llama3ScalingOf(new Float32Array(32).fill(Number.NaN), 1e4)).toBeNull();
  });
});
