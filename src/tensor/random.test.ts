import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InvalidArgumentError } from '../errors.ts';
import { gaussian, nextWord, type State, seededRandom } from './random.ts';

describe('seededRandom', () => {
  it('is xoshiro128**', () => {
    // The reference code's first ten words from the state 1, 2, 3, 4.
    const state: State = [1, 2, 3, 4];
    expect(Array.from({ length: 10 }, () => nextWord(state))).toEqual([
      11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849, 3729100597, 4258142804,
    ]);
  });

  // Origin: the algorithm as documented, written in Python with unbounded integers.
  it.each([
    [0, [0.41675133265905573, 0.5870561741002205, 0.2650367332581032]],
    [1, [0.09156953175513294, 0.8881928137485323, 0.43427017709149285]],
    [42, [0.15377165265745885, 0.018084542542176507, 0.5348906284683476]],
    [0xffffffff, [0.9555830018603452, 0.2682696548492096, 0.8580147783595625]],
    [2 ** 40 + 7, [0.04900959241769576, 0.8327491733828063, 0.11809499253742894]],
  ])('gives fixed numbers for seed %i', (seed, expected) => {
    const random = seededRandom(seed);
    expect(expected.map(() => random())).toEqual(expected);
  });

  it('tells seeds apart, signs and high bits included', () => {
    const seeds = [
      0,
      1,
      -1,
      2,
      2 ** 32,
      2 ** 32 + 1,
      -(2 ** 32),
      Number.MAX_SAFE_INTEGER,
      Number.MIN_SAFE_INTEGER,
    ];
    const draws = seeds.map((seed) => {
      const random = seededRandom(seed);
      return `${random()} ${random()}`;
    });
    expect(new Set(draws).size).toBe(seeds.length);
  });

  it('stays in [0, 1), evenly', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (seed) => {
        const random = seededRandom(seed);
        const bins = new Array<number>(4).fill(0);
        for (let i = 0; i < 400; i++) {
          const value = random();
          expect(value >= 0 && value < 1).toBe(true);
          bins[Math.floor(value * 4)]!++;
        }
        // 100 expected, standard deviation 8.7.
        for (const bin of bins) expect(Math.abs(bin - 100)).toBeLessThan(60);
      }),
    );
  });

  it('refuses a seed that is not a safe integer', () => {
    for (const seed of [0.5, Number.NaN, 2 ** 53])
      expect(() => seededRandom(seed)).toThrow(InvalidArgumentError);
  });
});

describe('gaussian', () => {
  it('has mean 0, variance 1 and normal tails', () => {
    const random = seededRandom(7);
    const values = Array.from({ length: 20_000 }, () => gaussian(random));
    const mean = values.reduce((a, b) => a + b) / values.length;
    const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length;
    expect(Math.abs(mean)).toBeLessThan(0.03);
    expect(Math.abs(variance - 1)).toBeLessThan(0.05);
    const beyondTwo = values.filter((value) => Math.abs(value) > 1.959964).length / values.length;
    expect(Math.abs(beyondTwo - 0.05)).toBeLessThan(0.006);
  });

  it('is finite even for a draw of 0', () => {
    expect(gaussian(() => 0)).toBeCloseTo(0, 12);
    expect(Number.isFinite(gaussian(() => 1 - 2 ** -53))).toBe(true);
  });
});
