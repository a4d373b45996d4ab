import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findThreshold, orderedKey } from './threshold.ts';

const keysOf = (scores: Float32Array) => Uint32Array.from(new Int32Array(scores.buffer), orderedKey);
const floats = fc.float({ noNaN: true, noDefaultInfinity: true });

describe('orderedKey', () => {
  it('orders as the numbers do', () => {
    fc.assert(
      fc.property(floats, floats, (a, b) => {
        const [keyA, keyB] = keysOf(Float32Array.of(a, b));
        expect(Math.sign(keyA! - keyB!)).toBe(a < b ? -1 : a > b ? 1 : 0);
      }),
    );
  });
});

describe('findThreshold', () => {
  it('finds the k-th largest, and how many are above it', () => {
    fc.assert(
      fc.property(fc.array(floats, { minLength: 1 }), fc.nat(), (values, pick) => {
        const scores = Float32Array.from(values);
        const k = (pick % scores.length) + 1;
        const kth = Float32Array.from(scores).sort().at(-k)!;
        const found = findThreshold(keysOf(scores), null, scores.length, k);
        expect(found.key).toBe(keysOf(Float32Array.of(kth))[0]);
        expect(found.above).toBe(scores.filter((score) => score > kth).length);
      }),
    );
  });

  it('finds where the weight is reached', () => {
    const keys = Uint32Array.of(70_000, 70_001, 5, 70_001, 200_000);
    const weights = Float64Array.of(1, 2, 8, 2, 4);
    expect(findThreshold(keys, weights, 5, 4)).toEqual({ key: 200_000, above: 0 });
    expect(findThreshold(keys, weights, 5, 4.5)).toEqual({ key: 70_001, above: 4 });
    expect(findThreshold(keys, weights, 5, 8.5)).toEqual({ key: 70_000, above: 8 });
    expect(findThreshold(keys, weights, 5, 17)).toEqual({ key: 5, above: 9 });
  });

  it('needs every entry where they do not reach the target', () => {
    expect(findThreshold(Uint32Array.of(3, 9), null, 2, 3)).toEqual({ key: 0, above: 2 });
  });
});
