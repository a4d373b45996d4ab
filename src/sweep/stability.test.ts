import { describe, expect, it } from 'vitest';
import { cacheCondition, madeRun, sweepRun } from '../report/sample-run.test-support.ts';
import { stabilityCurves } from './stability.ts';

describe('stabilityCurves', () => {
  it('finds the conditions that differ in one coefficient, with the plain one at 0', () => {
    const { config, summary } = sweepRun(40);
    const curves = stabilityCurves(config, summary);
    expect(curves.map(({ method, axis, label }) => [method, axis, label])).toEqual([
      ['cache', 'values', 'layers 1-2, vector abababab'],
      ['activation', 'strength', 'layer 1, every token'],
    ]);
    expect(curves[0]!.points.map(({ coefficient, condition }) => [coefficient, condition])).toEqual([
      [0, 'plain'],
      [0.5, 'values 0.5'],
      [1, 'values 1'],
      [2, 'values 2'],
      [4, 'values 4'],
    ]);
  });

  it('a coefficient is usable while its interval reaches the best and its answers are fluent', () => {
    // 38 of 40 is best, at 1; 37 of 40 has the Wilson interval [80.1, 97.4] %, which reaches 95; 20 of 40 has
    // [35.2, 64.8], which does not; 12 of 40 with 60 % degenerate neither.
    const { config, summary } = sweepRun(40);
    const [cache, activation] = stabilityCurves(config, summary);
    expect(cache!.usable).toEqual({ from: 1, to: 2, best: 1 });
    // 16 of 40 at strength 1 beat 4 of 40, but a tenth of them are degenerate: 5 points more are the most.
    expect(activation!.usable).toEqual({ from: 0, to: 0, best: 0 });
  });

  it('of equals the one nearest to 0 is best; a gap ends the range; two sides of 0 are one curve', () => {
    const right = [0.9, 0.2, 0.9, 0.9, 0.9];
    const made = Object.fromEntries(
      [-2, -1, 1, 2, 3].map((c, i) => [`c ${c}`, { condition: cacheCondition(c), right: right[i]! }]),
    );
    const { config, summary } = madeRun(made);
    const [curve] = stabilityCurves(config, summary);
    expect(curve!.points.map(({ coefficient }) => coefficient)).toEqual([-2, -1, 1, 2, 3]);
    expect(curve!.usable).toEqual({ from: 1, to: 3, best: 1 });
  });

  it('is null where every answer loops more than without an edit', () => {
    const plain = { condition: { ...cacheCondition(0), edits: [] }, right: 0.5 };
    const looping = (c: number) => ({ condition: cacheCondition(c), right: 0.9, degenerate: 0.5 });
    const { config, summary } = madeRun({ plain, a: looping(1), b: looping(2) });
    expect(stabilityCurves(config, summary)[0]!.usable).toEqual({ from: 0, to: 0, best: 0 });
    const without = madeRun({ a: looping(1), b: looping(2) });
    // Nothing to compare with: the least degenerate of the curve is the measure.
    expect(stabilityCurves(without.config, without.summary)[0]!.usable).toEqual({ from: 1, to: 2, best: 1 });
  });

  it('curves of other layers or vectors are kept apart', () => {
    const made = Object.fromEntries(
      [1, 2].flatMap((c) =>
        [[1], [2]].map((layers) => [`${c} ${layers}`, { condition: cacheCondition(c, layers), right: 0.5 }]),
      ),
    );
    const { config, summary } = madeRun(made);
    expect(stabilityCurves(config, summary).map(({ label }) => label)).toEqual([
      'layers 1, vector abababab',
      'layers 2, vector abababab',
    ]);
  });
});
