import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InvalidArgumentError } from '../../errors.ts';
import { wilsonInterval } from './wilson.ts';

describe('wilsonInterval', () => {
  // Newcombe 1998, table I, row 3 (score method without continuity correction).
  it.each([
    [81, 263, 0.2553, 0.3662],
    [15, 148, 0.0624, 0.1605],
    [0, 20, 0, 0.1611],
    [1, 29, 0.0061, 0.1718],
  ])('of %i in %i is as published', (successes, n, low, high) => {
    const interval = wilsonInterval(successes, n);
    expect(interval[0]).toBeCloseTo(low, 4);
    expect(interval[1]).toBeCloseTo(high, 4);
  });

  it('holds the share, stays in [0, 1], and is the mirror image for failures', () => {
    const counts = fc.integer({ min: 1, max: 5000 }).chain((n) => fc.tuple(fc.nat(n), fc.constant(n)));
    fc.assert(
      fc.property(counts, ([successes, n]) => {
        const [low, high] = wilsonInterval(successes, n);
        const [lowFailures, highFailures] = wilsonInterval(n - successes, n);
        expect(low).toBeGreaterThanOrEqual(0);
        expect(high).toBeLessThanOrEqual(1);
        expect(low).toBeLessThanOrEqual(successes / n);
        expect(high).toBeGreaterThanOrEqual(successes / n);
        expect(low).toBeCloseTo(1 - highFailures, 10);
        expect(high).toBeCloseTo(1 - lowFailures, 10);
      }),
    );
  });

  it('refuses counts that are none', () => {
    expect(() => wilsonInterval(1, 0)).toThrow(InvalidArgumentError);
    expect(() => wilsonInterval(3, 2)).toThrow(InvalidArgumentError);
    expect(() => wilsonInterval(0.5, 2)).toThrow(InvalidArgumentError);
  });
});
