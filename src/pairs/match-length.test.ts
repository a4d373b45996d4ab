import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nearestSum } from './match-length.ts';

describe('nearestSum', () => {
  it('finds the subset nearest to the gap', () => {
    expect(nearestSum([40, 50, 60], 100)).toEqual([0, 2]);
    expect(nearestSum([40, 50, 60], 20)).toEqual([]);
    expect(nearestSum([40, 50, 60], 21)).toEqual([0]);
    expect(nearestSum([], 7)).toEqual([]);
    expect(nearestSum([5], 1000)).toEqual([0]);
  });

  it('is as near as any subset, and takes nothing twice', () => {
    const costs = fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 10 });
    fc.assert(
      fc.property(costs, fc.integer({ min: 1, max: 400 }), (list, gap) => {
        const chosen = nearestSum(list, gap);
        expect(new Set(chosen).size).toBe(chosen.length);
        const sum = chosen.reduce((total, i) => total + list[i]!, 0);
        let best = gap;
        for (let subset = 0; subset < 2 ** list.length; subset++) {
          const other = list.reduce((total, cost, i) => total + (subset & (1 << i) ? cost : 0), 0);
          best = Math.min(best, Math.abs(gap - other));
        }
        expect(Math.abs(gap - sum)).toBe(best);
      }),
    );
  });
});
