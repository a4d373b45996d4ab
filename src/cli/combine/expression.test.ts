import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InvalidArgumentError, ModelMismatchError } from '../../errors.ts';
import { makeVector, type SteeringVector } from '../../vectors/vector.ts';
import { evaluateExpression, namesOf } from './evaluate.ts';
import { parseExpression } from './expression.ts';

const model = {
  name: 'toy',
  fingerprint: 'f',
  layers: 1,
  kvHeads: 1,
  headDim: 2,
  rope: { theta: 10, rotaryDim: 2 },
  chatTemplateHash: null,
};
const vectorOf = (x: number, y: number, more: Partial<SteeringVector> = {}) =>
  makeVector({
    keys: Float32Array.of(y, x),
    values: Float32Array.of(x, y),
    keyMode: 'unrotated',
    model,
    ...more,
  });
const vectors = new Map([
  ['a', vectorOf(1, 0)],
  ['b', vectorOf(1, 2)],
  ['my vector', vectorOf(5, 5)],
  ['./dir/x-1.safetensors', vectorOf(7, 8)],
  ['projectout', vectorOf(3, 3)],
  ['other', vectorOf(1, 1, { model: { ...model, fingerprint: 'e' } })],
]);
const valuesOf = (text: string) =>
  Array.from(evaluateExpression(parseExpression(text), text, vectors).values, (value) => value + 0);

describe('the expression of combine', () => {
  it.each([
    ['a', [1, 0]],
    ['0.7*a + .3*b', [1, 0.6]],
    ['a + b * 2', [3, 4]],
    ['(a + b) * 2', [4, 4]],
    ['-a - -b', [0, 2]],
    ['- 2 * a', [-2, 0]],
    ['b / 4', [0.25, 0.5]],
    ['2e-1*a', [0.2, 0]],
    ['a -b', [0, -2]],
    ['a - b - b', [-1, -4]],
    ['(1 + 2) / 2 * a', [1.5, 0]],
    ['projectout(b, a)', [0, 2]],
    ['PROJECTOUT(a + b, a) * 3', [0, 6]],
    ['projectout + a', [4, 3]],
    ['"my vector"*2', [10, 10]],
    ["'my vector' - a", [4, 5]],
    ['./dir/x-1.safetensors', [7, 8]],
  ])('%s', (text, expected) => {
    const found = valuesOf(text);
    for (const [i, value] of expected.entries()) expect(found[i]).toBeCloseTo(value, 5);
  });

  it('keeps a minus inside a name, and each name once', () => {
    expect(namesOf(parseExpression('a-b + x_1.safetensors*2 - ../up/c.d - a-b'))).toEqual([
      'a-b',
      'x_1.safetensors',
      '../up/c.d',
    ]);
    expect(namesOf(parseExpression('C:\\v\\a.safetensors'))).toEqual(['C:\\v\\a.safetensors']);
    expect(namesOf(parseExpression('/abs/é1 + ~/home'))).toEqual(['/abs/é1', '~/home']);
  });

  it.each([
    ['', 0, /Expected a vector/],
    ['a +', 3, /Expected a vector/],
    ['a b', 2, /Expected \+, -/],
    ['(a + b', 0, /needs a closing \)/],
    ['a)', 1, /closes nothing/],
    ['projectout(a)', 12, /Expected ,/],
    ['projectout(a', 10, /second vector, after a comma/],
    ['mean(a, b)', 0, /no function mean/],
    ['a + "b', 4, /never closed/],
    ['a + ""', 4, /no name between/],
    ['a % b', 2, /"%" means nothing/],
    ['3d', 0, /Expected a number here/],
    ['a * b', 2, /cannot be multiplied/],
    ['a + 1', 2, /needs two vectors/],
    ['2 / a', 2, /divided by a vector/],
    ['a / (1 - 1)', 2, /divides by 0/],
    ['1e999 * a', 0, /too large/],
    ['a * 1e39', 2, /finite/],
    ['2 * 3', 0, /the number 6, not to a vector/],
    ['projectout(a, 2)', 0, /takes two vectors/],
    ['a + c', 4, /no vector c/],
  ])('%s: refused at %i', (text, at, message) => {
    const run = () => valuesOf(text);
    expect(run).toThrow(InvalidArgumentError);
    expect(run).toThrow(message);
    try {
      run();
    } catch (error) {
      const caret = (error as Error).message.split('\n').at(-1)!;
      expect(caret).toBe(`  ${' '.repeat(at)}^`);
    }
  });

  it('names both models where they differ, and is bounded', () => {
    expect(() => valuesOf('a + other')).toThrow(ModelMismatchError);
    expect(() => parseExpression('('.repeat(2000))).toThrow(/nested more than 64 deep/);
    expect(() => parseExpression('-'.repeat(2000))).toThrow(/nested more than 64 deep/);
    expect(() => parseExpression('a'.repeat(5000))).toThrow(/at most 4096/);
    expect(valuesOf(Array(900).fill('a').join('+'))).toEqual([900, 0]);
    expect(() => parseExpression(`${'a + '.repeat(100)}%`)).toThrow(/\n {2}.{1,90}\n {52}\^$/);
  });

  it('gives any text a value or a typed error', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'ab2.*/+-(),"\' e\\~'), maxLength: 24 }), (text) => {
        try {
          valuesOf(text);
        } catch (error) {
          expect(error).toBeInstanceOf(InvalidArgumentError);
        }
      }),
      { numRuns: 500 },
    );
  });
});
