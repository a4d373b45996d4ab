import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RuntimeFailureError } from '../../errors.ts';
import { createSampler, type SamplingOptions } from './sampling.ts';

const greedy: SamplingOptions = {
  temperature: 0,
  topK: 0,
  topP: 1,
  minP: 0,
  repetitionPenalty: 1,
  history: [],
  feed: [0],
  seed: 1,
  logprobs: false,
};
const sampler = (options: Partial<SamplingOptions>, vocabSize: number) =>
  createSampler({ ...greedy, ...options }, vocabSize);

/** sum (observed - expected)^2 / expected */
function chiSquare(counts: readonly number[], expected: readonly number[]): number {
  return counts.reduce((sum, count, i) => sum + (count - expected[i]!) ** 2 / expected[i]!, 0);
}

describe('greedy', () => {
  it('takes the largest, the lowest id among equals', () => {
    expect(sampler({}, 4).next(Float32Array.of(-3, 2, 2, 1))).toEqual({ token: 1 });
    expect(sampler({}, 3).next(Float32Array.of(-5, -4, -4))).toEqual({ token: 1 });
  });

  it('ignores the filters and the seed', () => {
    const options = { topK: 2, topP: 0.1, minP: 1, seed: 7 };
    expect(sampler(options, 3).next(Float32Array.of(1, 3, 2)).token).toBe(1);
  });

  it('penalises what was seen in history, feed and its own tokens, once each', () => {
    const next = (options: Partial<SamplingOptions>) => {
      const one = sampler({ repetitionPenalty: 2, feed: [3], ...options }, 4);
      return [0, 0, 0].map(() => one.next(Float32Array.of(4, 3, 2.5, -1)).token);
    };
    // 4; then 4/2 < 3; then 3/2 < 2.5.
    expect(next({})).toEqual([0, 1, 2]);
    expect(next({ history: [0, 0, 0] })).toEqual([1, 2, 0]);
    expect(next({ feed: [0, 1] })).toEqual([2, 0, 0]);
  });

  it('multiplies negative scores, so they fall too', () => {
    const one = sampler({ repetitionPenalty: 1.5, feed: [0] }, 2);
    expect(one.next(Float32Array.of(-2, -2.5)).token).toBe(1);
  });

  it('holds scores that the penalty takes out of float32', () => {
    const one = sampler({ repetitionPenalty: 1e-300, feed: [1] }, 3);
    expect(one.next(Float32Array.of(5, 1, 0)).token).toBe(1);
  });
});

describe('drawing', () => {
  // Chi-square quantiles at 1 - 1e-4: 3 degrees of freedom 21.1, 1 degree 15.1 (seeds are fixed, so this never flickers).
  const draws = 20_000;
  const probabilities = [0.5, 0.3, 0.15, 0.05];
  const logits = Float32Array.from(probabilities, Math.log);
  const count = (options: Partial<SamplingOptions>) => {
    const one = sampler({ temperature: 1, ...options }, 4);
    const counts = [0, 0, 0, 0];
    for (let i = 0; i < draws; i++) counts[one.next(logits).token]!++;
    return counts;
  };

  it.each([1, 2, 3])('follows the softmax (seed %i)', (seed) => {
    const expected = probabilities.map((probability) => probability * draws);
    expect(chiSquare(count({ seed }), expected)).toBeLessThan(21.1);
  });

  it('follows the softmax at a temperature', () => {
    const roots = probabilities.map(Math.sqrt);
    const total = roots.reduce((a, b) => a + b);
    const expected = roots.map((root) => (root / total) * draws);
    expect(chiSquare(count({ temperature: 2 }), expected)).toBeLessThan(21.1);
  });

  it.each([
    ['top-k', { topK: 2 }],
    ['top-p', { topP: 0.7 }],
    ['min-p', { minP: 0.4 }],
  ])('renormalises after %s', (_, options) => {
    const [first, second, ...others] = count(options);
    expect(others).toEqual([0, 0]);
    expect(chiSquare([first!, second!], [0.625 * draws, 0.375 * draws])).toBeLessThan(15.1);
  });

  it('is a function of the seed', () => {
    const tokens = (seed: number) => {
      const one = sampler({ temperature: 1, seed }, 4);
      return Array.from({ length: 50 }, () => one.next(logits).token);
    };
    expect(tokens(11)).toEqual(tokens(11));
    expect(tokens(11)).not.toEqual(tokens(12));
  });

  it('is not disturbed by other samplers between its draws', () => {
    const big = Float32Array.from({ length: 1000 }, (_, i) => Math.sin(i));
    const alone = sampler({ temperature: 1, seed: 5, topK: 3 }, 4);
    const beside = sampler({ temperature: 1, seed: 5, topK: 3 }, 4);
    const other = sampler({ temperature: 2, seed: 6, topP: 0.9 }, 1000);
    for (let i = 0; i < 30; i++) {
      other.next(big);
      expect(beside.next(logits).token).toBe(alone.next(logits).token);
    }
  });

  it('gives a token of the vocabulary whatever the scores, leaving them as they are', () => {
    const scores = fc.float({ noNaN: true, noDefaultInfinity: true });
    fc.assert(
      fc.property(
        fc.array(scores, { minLength: 1, maxLength: 40 }),
        fc.record({
          temperature: fc.double({ min: 0, max: 10, noNaN: true }),
          topK: fc.nat({ max: 45 }),
          topP: fc.double({ min: Number.MIN_VALUE, max: 1, noNaN: true }),
          minP: fc.double({ min: 0, max: 1, noNaN: true }),
          repetitionPenalty: fc.double({ min: Number.MIN_VALUE, max: 10, noNaN: true }),
          seed: fc.maxSafeInteger(),
        }),
        (values, options) => {
          const row = Float32Array.from(values);
          const { token } = sampler(options, row.length).next(row);
          expect(token).toBeGreaterThanOrEqual(0);
          expect(token).toBeLessThan(row.length);
          expect(row).toEqual(Float32Array.from(values));
        },
      ),
      { numRuns: 500 },
    );
  });

  it('reads a row inside a larger array', () => {
    const rows = Float32Array.of(9, 9, 9, 0, 5, 1);
    expect(sampler({ temperature: 1, topK: 1 }, 3).next(rows.subarray(3)).token).toBe(1);
  });
});

describe('log-probabilities', () => {
  it('are of the unmodified distribution', () => {
    const logits = Float32Array.of(Math.log(6), Math.log(3), 0);
    const one = sampler({ logprobs: true, repetitionPenalty: 10, feed: [0] }, 3);
    const { token, logprob } = one.next(logits);
    expect(token).toBe(1);
    expect(logprob).toBeCloseTo(Math.log(0.3), 6);
    const sharp = sampler({ logprobs: true, temperature: 0.01 }, 3).next(logits);
    expect(sharp.logprob).toBeCloseTo(Math.log(0.6), 6);
  });

  it('stay finite for large logits', () => {
    const { logprob } = sampler({ logprobs: true }, 2).next(Float32Array.of(3e38, 3e38));
    expect(logprob).toBeCloseTo(Math.log(0.5), 12);
  });
});

describe('broken logits', () => {
  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])('are refused: %s', (bad) => {
    for (const temperature of [0, 1]) {
      const next = () => sampler({ temperature }, 3).next(Float32Array.of(1, bad, 2));
      expect(next).toThrow(RuntimeFailureError);
      expect(next).toThrow(/token 1/);
    }
  });

  it('are refused where their number is wrong', () => {
    expect(() => sampler({}, 3).next(new Float32Array(4))).toThrow(RuntimeFailureError);
  });
});
