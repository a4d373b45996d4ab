import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InvalidArgumentError } from '../errors.ts';
import { argmax, logSumExp, softmax } from './logits.ts';

const { NEGATIVE_INFINITY: none, POSITIVE_INFINITY: all, NaN: nan } = Number;
const rows = fc.float32Array({ min: -200, max: 200, noNaN: true, minLength: 1, maxLength: 20 });

describe('argmax', () => {
  it('takes the first of the greatest, past NaN', () => {
    expect(argmax(Float32Array.of(1, 3, 3, 2))).toBe(1);
    expect(argmax(Float32Array.of(nan, -5, nan, -4))).toBe(3);
    expect(argmax(Float32Array.of(none, none))).toBe(0);
    expect(argmax(Float32Array.of(nan, none))).toBe(1);
  });

  it('refuses a row without numbers', () => {
    expect(() => argmax(new Float32Array())).toThrow(InvalidArgumentError);
    expect(() => argmax(Float32Array.of(nan))).toThrow(InvalidArgumentError);
  });
});

describe('logSumExp', () => {
  it('neither overflows nor underflows', () => {
    expect(logSumExp(Float32Array.of(1000, 1000))).toBeCloseTo(1000 + Math.LN2, 9);
    expect(logSumExp(Float32Array.of(-1000, -1000))).toBeCloseTo(-1000 + Math.LN2, 9);
    expect(logSumExp(Float32Array.of(none, 2))).toBe(2);
    expect(logSumExp(Float32Array.of(none))).toBe(none);
    expect(logSumExp(new Float32Array())).toBe(none);
    expect(logSumExp(Float32Array.of(all, 1))).toBe(all);
    expect(logSumExp(Float32Array.of(1, nan))).toBeNaN();
  });
});

describe('softmax', () => {
  it('is exp(x / temperature), normalised', () => {
    fc.assert(
      fc.property(rows, fc.double({ min: 0.05, max: 10, noNaN: true }), (row, temperature) => {
        const found = softmax(row.slice(), temperature);
        const scaled = [...row].map((x) => x / temperature);
        const total = scaled.reduce((sum, x) => sum + Math.exp(x - Math.max(...scaled)), 0);
        found.forEach((p, i) => {
          expect(p).toBeCloseTo(Math.exp(scaled[i]! - Math.max(...scaled)) / total, 6);
        });
        expect(found.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 5);
      }),
    );
  });

  it('agrees with logSumExp', () => {
    fc.assert(
      fc.property(rows, (row) => {
        const total = logSumExp(row);
        softmax(row.slice()).forEach((p, i) => {
          expect(p).toBeCloseTo(Math.exp(row[i]! - total), 6);
        });
      }),
    );
  });

  it('works in place, with masked logits and extreme temperatures', () => {
    const row = Float32Array.of(none, 0, 0);
    expect(softmax(row)).toBe(row);
    expect([...row]).toEqual([0, 0.5, 0.5]);
    expect([...softmax(Float32Array.of(1, 2), 1e-300)]).toEqual([0, 1]);
    expect([...softmax(Float32Array.of(1, 2), 1e300)]).toEqual([0.5, 0.5]);
  });

  it('refuses what has no distribution, and changes nothing then', () => {
    for (const row of [[], [none], [nan, 1], [all, 1]]) {
      const logits = Float32Array.from(row);
      expect(() => softmax(logits)).toThrow(InvalidArgumentError);
      expect([...logits]).toEqual(row);
    }
    for (const temperature of [0, -1, nan, all]) {
      expect(() => softmax(Float32Array.of(1), temperature)).toThrow('temperature');
    }
  });
});
