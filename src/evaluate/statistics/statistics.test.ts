/** Against SciPy and statsmodels (fixtures/make.py), and a published example. */
import { describe, expect, it } from 'vitest';
import { InvalidArgumentError } from '../../errors.ts';
import { bootstrapMean, quantile } from './bootstrap.ts';
import expected from './fixtures/expected.json' with { type: 'json' };
import { holm } from './holm.ts';
import { mcnemarExact } from './mcnemar.ts';
import { signFlip } from './sign-flip.ts';
import { wilsonInterval } from './wilson.ts';

describe('mcnemarExact', () => {
  it.each(expected.mcnemar)(
    'of $gained gained and $lost lost is that of statsmodels',
    ({ gained, lost, p }) => {
      expect(mcnemarExact(gained, lost) / p).toBeCloseTo(1, 9);
    },
  );

  it('refuses counts that are none', () => {
    expect(() => mcnemarExact(-1, 2)).toThrow(InvalidArgumentError);
    expect(() => mcnemarExact(1, 0.5)).toThrow(InvalidArgumentError);
  });
});

describe('holm', () => {
  it.each(expected.holm)('of $ps is that of statsmodels', ({ ps, adjusted }) => {
    holm(ps).forEach((p, i) => {
      expect(p).toBeCloseTo(adjusted[i]!, 12);
    });
  });

  it('of none is none, and no p is outside [0, 1]', () => {
    expect(holm([])).toEqual([]);
    expect(() => holm([0.5, Number.NaN])).toThrow(InvalidArgumentError);
  });
});

it.each(expected.wilson)(
  'Wilson of $successes in $n is that of statsmodels',
  ({ successes, n, interval }) => {
    const [low, high] = wilsonInterval(successes, n);
    expect(low).toBeCloseTo(interval[0]!, 10);
    expect(high).toBeCloseTo(interval[1]!, 10);
  },
);

describe('signFlip', () => {
  it.each(expected.signFlip)('of few differences is the exact one of SciPy: $p', ({ differences, p }) => {
    expect(signFlip(differences, 0)).toBeCloseTo(p, 12);
  });

  it.each(expected.drawnSignFlip)('of many comes near that of SciPy: $p', ({ differences, p }) => {
    // three standard errors of 10,000 draws
    expect(Math.abs(signFlip(differences, 5) - p)).toBeLessThan(3 * Math.sqrt((p * (1 - p)) / 10_000) + 1e-4);
  });

  it('is McNemar for right and wrong, drawn or not, and never 0', () => {
    const differences = [...Array(40).fill(1), ...Array(22).fill(-1), ...Array(100).fill(0)];
    expect(signFlip(differences, 1)).toBeCloseTo(mcnemarExact(40, 22), 2);
    expect(signFlip(Array(200).fill(1), 1)).toBeCloseTo(1 / 10_001, 12);
  });
});

describe('bootstrapMean', () => {
  it.each(expected.bootstrap)('is that of SciPy but for the draws: $interval', ({ values, interval }) => {
    const [low, high] = bootstrapMean(values, 3);
    const width = interval[1]! - interval[0]!;
    expect(Math.abs(low - interval[0]!)).toBeLessThan(0.05 * width);
    expect(Math.abs(high - interval[1]!)).toBeLessThan(0.05 * width);
  });

  it.each(expected.everyResample)('has the quantiles of all resamples of $values', ({ values, interval }) => {
    const found = bootstrapMean(values, 1);
    expect(found[0]).toBeCloseTo(interval[0]!, 6);
    expect(found[1]).toBeCloseTo(interval[1]!, 6);
  });

  it('is the same for the same seed, and another for another', () => {
    const values = Array.from({ length: 97 }, (_, i) => Math.sin(i * i));
    expect(bootstrapMean(values, 1)).toEqual(bootstrapMean(values, 1));
    expect(bootstrapMean(values, 1)).not.toEqual(bootstrapMean(values, 2));
    expect(() => bootstrapMean([], 1)).toThrow(InvalidArgumentError);
  });

  it('takes quantiles as NumPy does', () => {
    expect(quantile([1, 2, 4, 8], 0.5)).toBe(3);
    expect(quantile([1, 2, 4, 8], 0.9)).toBeCloseTo(6.8, 12);
  });
});
