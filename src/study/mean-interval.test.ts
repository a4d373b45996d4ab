import { describe, expect, it } from 'vitest';
import { InvalidArgumentError } from '../errors.ts';
import { seededRandom } from '../tensor/random.ts';
import { meanInterval } from './mean-interval.ts';

describe('meanInterval', () => {
  it('is a point where all numbers are equal', () => {
    expect(meanInterval([2, 2, 2])).toEqual({ mean: 2, interval: [2, 2] });
  });

  it('is close to the normal interval for many numbers', () => {
    const random = seededRandom(3);
    const values = Array.from({ length: 400 }, () => random());
    const mean = values.reduce((sum, value) => sum + value, 0) / 400;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 399;
    const half = 1.96 * Math.sqrt(variance / 400);
    const { interval } = meanInterval(values);
    expect(interval[0]).toBeCloseTo(mean - half, 2);
    expect(interval[1]).toBeCloseTo(mean + half, 2);
  });

  it('refuses no numbers', () => {
    expect(() => meanInterval([])).toThrow(InvalidArgumentError);
  });
});
