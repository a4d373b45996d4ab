import { describe, expect, it } from 'vitest';
import { steeringOf } from './model-name.ts';
import { entriesOf, parseShortSteering, steeringField } from './steering-field.ts';

const of = (model: string, steering?: Parameters<typeof steeringOf>[0]['steering']) =>
  steeringOf(steering === undefined ? { model } : { model, steering }, 'lab/tiny', 3);

describe('steering', () => {
  it('is read from a model name', () => {
    expect(of('lab/tiny')).toEqual([]);
    expect(of('lab/tiny+stepwise')).toEqual([{ vector: 'stepwise' }]);
    expect(of('lab/tiny+a@2+b-1.x@-0.25+c@0')).toEqual([
      { vector: 'a', values: 2 },
      { vector: 'b-1.x', values: -0.25 },
      { vector: 'c', values: 0 },
    ]);
  });

  it('is read from the field: a name, an entry, a list', () => {
    expect(of('lab/tiny', null)).toEqual([]);
    expect(of('lab/tiny', [])).toEqual([]);
    expect(of('lab/tiny', 'a@3')).toEqual([{ vector: 'a', values: 3 }]);
    expect(of('lab/tiny', { vector: 'a', positions: [1, 2] })).toEqual([{ vector: 'a', positions: [1, 2] }]);
    expect(of('lab/tiny', ['a', { vector: 'b', keys: 0.1 }])).toEqual([
      { vector: 'a' },
      { vector: 'b', keys: 0.1 },
    ]);
  });

  it('refuses other models, and steering said twice', () => {
    for (const model of ['lab', 'lab/tiny2', 'tiny', 'lab/tin', '']) {
      expect(() => of(model)).toThrow(expect.objectContaining({ status: 404, apiCode: 'model_not_found' }));
    }
    expect(() => of('lab/tiny+a', 'b')).toThrow(/once/);
    expect(() => of('lab/tiny+a', null)).toThrow(/once/);
  });

  it('refuses names that are none, coefficients that are none, and too many', () => {
    const bad = [
      '',
      '.',
      '..',
      '../a',
      'a/b',
      'a\\b',
      '.a',
      '-a',
      'a b',
      'a\0',
      'x'.repeat(65),
      'con',
      'NUL.x',
      'a@',
      'a@+1',
      'a@1e9',
      'a@0x1',
      'a@1@2',
      'a@NaN',
      '@1',
    ];
    for (const text of bad) {
      expect(() => parseShortSteering(text, 'model'), text).toThrow(
        expect.objectContaining({ status: 400, param: 'model' }),
      );
    }
    for (const vector of bad.slice(1, 13)) expect(() => entriesOf({ vector }, 3), vector).toThrow(/name/);
    expect(() => of('lab/tiny+a+b+c+d')).toThrow(/At most 3/);
    expect(() => of('lab/tiny+a++b')).toThrow(/found ""/);
  });

  it('has bounds on everything', () => {
    const refused = [
      7,
      { vector: 1 },
      { vector: 'a', values: 1e5 },
      { vector: 'a', layers: [] },
      { vector: 'a', layers: [-1] },
      { vector: 'a', layers: { from: 1, step: 2 } },
      { vector: 'a', positions: [0] },
      { vector: 'a', unknown: 1 },
      { vector: 'a', when: { regex: '' } },
      { vector: 'a', when: { regex: 'x'.repeat(513) } },
      { vector: 'a', when: { regex: 'x', flags: 'g' } },
      { vector: 'a', when: { probe: 'b', regex: 'x' } },
    ];
    for (const value of refused)
      expect(steeringField.safeParse(value).success, JSON.stringify(value)).toBe(false);
    expect(steeringField.safeParse({ vector: 'a', layers: { from: 2 }, when: { probe: 'b' } }).success).toBe(
      true,
    );
  });
});
