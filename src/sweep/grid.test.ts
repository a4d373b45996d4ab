import { describe, expect, it } from 'vitest';
import { InvalidArgumentError } from '../errors.ts';
import { hashVector } from '../evaluate/vector-hash.ts';
import { memoryModel } from '../vectors/memory-engine.test-support.ts';
import { makeVector } from '../vectors/vector.ts';
import { gridConditions } from './grid.ts';

const vector = makeVector({
  keys: new Float32Array(48).fill(1),
  values: new Float32Array(48).fill(2),
  keyMode: 'unrotated',
  model: { ...memoryModel, chatTemplateHash: null },
});
const names = (grid: Parameters<typeof gridConditions>[0]) => Object.keys(gridConditions(grid, memoryModel));

describe('gridConditions', () => {
  it('is every combination, named by what differs, plain first', () => {
    expect(names({ vectors: { v: vector } })).toEqual(['plain', 'steered']);
    expect(names({ vectors: { v: vector }, values: [1, 2], keys: [0, 0.2], prompt: ' Think.' })).toEqual([
      'plain',
      'prompt',
      'c_v 1, c_k 0',
      'c_v 2, c_k 0',
      'c_v 1, c_k 0.2',
      'c_v 2, c_k 0.2',
    ]);
    expect(
      names({
        vectors: { a: vector, b: vector },
        layers: [{ from: 1 }, [0, 2]],
        heads: [[1]],
        positions: [2],
      }),
    ).toEqual([
      'plain',
      'a, layers 1-2, head 1, position 2',
      'a, layers 0 2, head 1, position 2',
      'b, layers 1-2, head 1, position 2',
      'b, layers 0 2, head 1, position 2',
    ]);
  });

  it('takes controls of the first vector through the same settings', () => {
    const grid = gridConditions({ vectors: { a: vector }, values: [3], controls: [1, 2] }, memoryModel);
    expect(Object.keys(grid)).toEqual(['plain', 'c_v 3', 'random 1, c_v 3', 'random 2, c_v 3']);
    const plan = grid['random 1, c_v 3']!.plan as { vector: typeof vector; values: number };
    expect([plan.vector.aggregation, plan.values]).toEqual(['random', 3]);
    expect(hashVector(plan.vector)).not.toBe(hashVector(vector));
  });

  it('has activation steering beside it, every layer with every strength', () => {
    const activation = {
      vector: { hidden: new Float32Array(96), layers: 3, pairs: 1 },
      layers: [1, 2],
      strengths: [1, -1],
    };
    const grid = gridConditions({ activation, offset: null }, memoryModel);
    expect(Object.keys(grid)).toEqual([
      'plain',
      'activation, layer 1, strength 1',
      'activation, layer 1, strength -1',
      'activation, layer 2, strength 1',
      'activation, layer 2, strength -1',
    ]);
    expect(Object.values(grid).map(({ offset }) => offset)).toEqual(Array(5).fill(null));
  });

  it('refuses grids that are empty, too large or hold a setting twice', () => {
    expect(() => names({})).toThrow(/grid is empty/);
    expect(() => names({ vectors: { v: vector }, values: [1, 1] })).toThrow(/"c_v 1" twice/);
    const many = Array.from({ length: 40 }, (_, i) => i);
    expect(() => names({ vectors: { v: vector }, values: many, keys: many })).toThrow(InvalidArgumentError);
  });
});
