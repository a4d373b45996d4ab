import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InvalidArgumentError, ModelMismatchError } from '../errors.ts';
import { byteTokenizer as tokenizer } from '../pairs/byte-tokenizer.test-support.ts';
import { dot } from '../tensor/maths.ts';
import {
  addVectors,
  interpolateVectors,
  negateVector,
  projectOut,
  scaleVector,
  subtractVectors,
} from './algebra.ts';
import { memoryModel as model } from './memory-engine.test-support.ts';
import { makeVector, modelIdentity, type SteeringVector } from './vector.ts';

const identity = modelIdentity({ model, tokenizer });
const tensor = (seed: number) => Float32Array.from({ length: 48 }, (_, i) => Math.sin(seed * 3 + i * 0.7));
const vectorOf = (seed: number, more: Partial<SteeringVector> = {}) =>
  makeVector({
    keys: tensor(seed),
    values: tensor(seed + 0.5),
    keyMode: 'unrotated',
    model: identity,
    ...more,
  });
const [a, b] = [vectorOf(1, { recipe: 'one', licence: 'MIT' }), vectorOf(2, { licence: 'MIT' })];
const near = (found: Float32Array, expected: (i: number) => number) => {
  for (const [i, value] of found.entries()) expect(value).toBeCloseTo(expected(i), 5);
};

describe('vector algebra', () => {
  it('adds, subtracts, scales, negates and interpolates both parts, leaving the operands alone', () => {
    const before = [a.keys.slice(), b.values.slice()];
    fc.assert(
      fc.property(fc.double({ min: -8, max: 8, noNaN: true }), (t) => {
        near(interpolateVectors(a, b, t).keys, (i) => (1 - t) * a.keys[i]! + t * b.keys[i]!);
        near(scaleVector(a, t).values, (i) => t * a.values[i]!);
      }),
      { numRuns: 20 },
    );
    near(addVectors(a, b).values, (i) => a.values[i]! + b.values[i]!);
    near(subtractVectors(a, b).keys, (i) => a.keys[i]! - b.keys[i]!);
    near(negateVector(a).keys, (i) => -a.keys[i]!);
    expect([a.keys, b.values]).toEqual(before);
  });

  it('projects out: nothing is left along the other in any layer, and what is across stays', () => {
    const left = projectOut(a, b);
    for (let at = 0; at < 48; at += 16) {
      const layer = (vector: SteeringVector, part: 'keys' | 'values') => vector[part].subarray(at, at + 16);
      for (const part of ['keys', 'values'] as const) {
        expect(dot(layer(left, part), layer(b, part))).toBeCloseTo(0, 5);
        const removed = layer(a, part).map((value, i) => value - layer(left, part)[i]!);
        const share = removed[3]! / layer(b, part)[3]!;
        near(removed, (i) => share * layer(b, part)[i]!);
      }
    }
    near(projectOut(left, b).keys, (i) => left.keys[i]!);
    expect(projectOut(a, scaleVector(b, 0)).keys).toEqual(a.keys);
  });

  it('says what it is', () => {
    const sum = addVectors(a, b);
    expect(sum).toMatchObject({ aggregation: 'combined', pairs: null, statistics: null, centroids: null });
    expect(sum.recipe).toBe('combined of: one; a vector without recipe');
    expect(sum.licence).toBe('MIT');
    expect(addVectors(a, vectorOf(3)).licence).toBeNull();
    const advised = { values: 4, keys: 0, layers: [1] };
    expect(scaleVector(vectorOf(1, { recommended: advised }), 2).recommended).toEqual(advised);
    expect(addVectors(vectorOf(1, { recommended: advised }), a).recommended.values).toBeNull();
    const kept = addVectors(
      vectorOf(1, { keptHeads: [[], [0], []] }),
      vectorOf(2, { keptHeads: [[], [1], [1]] }),
    );
    expect(kept.keptHeads).toEqual([[], [0, 1], [1]]);
    expect(addVectors(a, vectorOf(2, { keptHeads: [[], [1], [1]] })).keptHeads).toBeNull();
  });

  it.each([
    ['weights', { model: { ...identity, fingerprint: 'beef' } }],
    ['RoPE', { model: { ...identity, rope: { theta: 1, rotaryDim: 8 } } }],
    ['chat templates', { model: { ...identity, chatTemplateHash: null } }],
    ['shapes', { model: { ...identity, kvHeads: 1, headDim: 16 } }],
    ['key modes', { keyMode: 'post-rope' as const }],
    ['extraction positions', { extraction: { position: 2, offsetToken: null } }],
  ])('refuses different %s', (what, more) => {
    const other = vectorOf(2, more);
    for (const operation of [addVectors, subtractVectors, projectOut]) {
      expect(() => operation(a, other)).toThrow(ModelMismatchError);
      expect(() => operation(a, other)).toThrow(new RegExp(`different ${what}`));
    }
  });

  it('refuses what is not finite', () => {
    expect(() => scaleVector(a, Number.NaN)).toThrow(InvalidArgumentError);
    expect(() => scaleVector(a, 1e39)).toThrow(/finite keys/);
    expect(() => interpolateVectors(a, b, Number.POSITIVE_INFINITY)).toThrow(InvalidArgumentError);
  });
});
