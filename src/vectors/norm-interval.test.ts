import { describe, expect, it } from 'vitest';
import { gaussian, type Random, seededRandom } from '../tensor/random.ts';
import { BlockSums, normInterval } from './norm-interval.ts';

const shape = { layers: 2, kvHeads: 2, headDim: 4 };

function differences(count: number, noise: number, seed: number): Float32Array[] {
  const random = seededRandom(seed);
  const truth = Float32Array.from({ length: 16 }, () => gaussian(random));
  return Array.from({ length: count }, () => truth.map((value) => value + noise * gaussian(random)));
}

const sumsOf = (rows: readonly Float32Array[]) => {
  const sums = new BlockSums(16);
  for (const row of rows) sums.add(row);
  return sums;
};

/** From the single pairs, by the definition: resample rows, average, take norms. */
function direct(rows: readonly Float32Array[], random: Random, resamples: number) {
  const statistic = (chosen: readonly Float32Array[]) => {
    const mean = Array.from(
      { length: 16 },
      (_, i) => chosen.reduce((sum, row) => sum + row[i]!, 0) / chosen.length,
    );
    // Layer 0 is left out: heads at 8 and 12.
    return (Math.hypot(...mean.slice(8, 12)) + Math.hypot(...mean.slice(12))) / 2;
  };
  const norms = Array.from({ length: resamples }, () =>
    statistic(rows.map(() => rows[Math.floor(random() * rows.length)]!)),
  ).sort((a, b) => a - b);
  const estimate = statistic(rows);
  const at = (q: number) => {
    const place = (norms.length - 1) * q;
    const low = norms[Math.floor(place)]!;
    return low + (norms[Math.ceil(place)]! - low) * (place - Math.floor(place));
  };
  return { low: 2 * estimate - at(0.975), high: 2 * estimate - at(0.025), estimate };
}

describe('normInterval', () => {
  it('is the bootstrap over pairs where each block is one pair', () => {
    const rows = differences(20, 0.8, 1);
    const expected = direct(rows, seededRandom(9), 500);
    const found = normInterval(sumsOf(rows), shape, seededRandom(9))!;
    expect(found.low).toBeCloseTo(expected.low, 4);
    expect(found.high).toBeCloseTo(expected.high, 4);
  });

  it('comes near it from blocks of many pairs', () => {
    const widths: number[] = [];
    for (let seed = 0; seed < 10; seed++) {
      const rows = differences(330, 1, seed);
      const expected = direct(rows, seededRandom(3), 400);
      const found = normInterval(sumsOf(rows), shape)!;
      widths.push((found.high - found.low) / (expected.high - expected.low));
      expect((found.low + found.high) / (expected.low + expected.high)).toBeCloseTo(1, 1);
    }
    const mean = widths.reduce((a, b) => a + b) / widths.length;
    expect(mean).toBeGreaterThan(0.85);
    expect(mean).toBeLessThan(1.15);
  });

  it('lies below the estimate where noise makes it longer, and holds the true norm', () => {
    const random = seededRandom(4);
    let held = 0;
    for (let trial = 0; trial < 60; trial++) {
      const rows = Array.from({ length: 64 }, () =>
        Float32Array.from({ length: 16 }, () => 0.5 + 1.5 * gaussian(random)),
      );
      const { low, high } = normInterval(sumsOf(rows), shape)!;
      if (low <= 1 && high >= 1) held++;
    }
    // The true norm is |(0.5, 0.5, 0.5, 0.5)| = 1.
    expect(held).toBeGreaterThanOrEqual(50);
  });

  it('needs eight pairs, and goes on from stored sums', () => {
    const rows = differences(50, 1, 2);
    expect(normInterval(sumsOf(rows.slice(0, 7)), shape)).toBeNull();
    const begun = sumsOf(rows.slice(0, 33));
    const resumed = new BlockSums(16, begun.count, begun.sums);
    for (const row of rows.slice(33)) resumed.add(row);
    expect(normInterval(resumed, shape)).toEqual(normInterval(sumsOf(rows), shape));
  });
});
