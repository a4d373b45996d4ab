import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InvalidArgumentError } from '../errors.ts';
import { Moments } from './moments.ts';

const n = 3;
const vectors = fc.array(fc.float32Array({ min: -100, max: 100, noNaN: true, minLength: n, maxLength: n }), {
  minLength: 2,
  maxLength: 12,
});

function momentsOf(rows: readonly Float32Array[]): Moments {
  const moments = new Moments(n);
  for (const row of rows) moments.add(row);
  return moments;
}

describe('Moments', () => {
  it('is the two-pass mean and variance', () => {
    fc.assert(
      fc.property(vectors, (rows) => {
        const moments = momentsOf(rows);
        const [mean, variance] = [moments.mean(), moments.variance()];
        for (let i = 0; i < n; i++) {
          const exact = rows.reduce((sum, row) => sum + row[i]!, 0) / rows.length;
          expect(mean[i]).toBeCloseTo(exact, 4);
          const squares = rows.reduce((sum, row) => sum + (row[i]! - exact) ** 2, 0);
          expect(variance[i]).toBeCloseTo(squares / (rows.length - 1), 8);
          expect(variance[i]).toBeGreaterThanOrEqual(0);
        }
      }),
    );
  });

  it('gives the same bits however the rows are sharded, ordered and sent', () => {
    fc.assert(
      fc.property(vectors, fc.nat(), (rows, at) => {
        const cut = at % (rows.length + 1);
        const merged = Moments.from(momentsOf(rows.slice(cut).reverse()).state());
        merged.merge(Moments.from(momentsOf(rows.slice(0, cut)).state()));
        const whole = momentsOf(rows);
        expect(merged.count).toBe(whole.count);
        expect(merged.mean()).toEqual(whole.mean());
        const variance = whole.variance();
        merged.variance().forEach((value, i) => {
          expect(value).toBeCloseTo(variance[i]!, 8);
        });
      }),
    );
  });

  it('loses nothing to cancellation', () => {
    const moments = new Moments(1);
    for (const value of [1, 1e30, 1, -1e30]) moments.add(Float32Array.of(value));
    expect(moments.mean()[0]).toBe(0.5);
    const shifted = new Moments(1);
    for (const value of [1e7 + 1, 1e7 + 2, 1e7 + 3]) shifted.add(Float32Array.of(value));
    expect(shifted.variance()[0]).toBeCloseTo(1, 6);
  });

  it('merges with nothing and with itself', () => {
    const rows = [Float32Array.of(1, 2, 3), Float32Array.of(3, 2, 1)];
    const moments = momentsOf(rows);
    moments.merge(new Moments(n));
    expect(moments.count).toBe(2);
    moments.merge(moments);
    expect(moments.state()).toEqual(momentsOf([...rows, ...rows]).state());
    const empty = new Moments(n);
    empty.merge(moments);
    expect(empty.state()).toEqual(moments.state());
  });

  it('keeps its state to itself', () => {
    const moments = momentsOf([Float32Array.of(1, 2, 3)]);
    moments.state().sum.fill(9);
    expect([...moments.mean()]).toEqual([1, 2, 3]);
  });

  it('refuses what does not fit', () => {
    const moments = new Moments(n);
    expect(() => moments.add(new Float32Array(2))).toThrow(InvalidArgumentError);
    expect(() => moments.merge(new Moments(2))).toThrow(InvalidArgumentError);
    expect(() => moments.mean()).toThrow('At least 1');
    moments.add(new Float32Array(n));
    expect(() => moments.variance()).toThrow('At least 2');
    expect(() => new Moments(-1)).toThrow(InvalidArgumentError);
    const state = moments.state();
    expect(() => Moments.from({ ...state, count: -1 })).toThrow(InvalidArgumentError);
    expect(() => Moments.from({ ...state, sum: new Float64Array(2) })).toThrow(InvalidArgumentError);
  });
});
