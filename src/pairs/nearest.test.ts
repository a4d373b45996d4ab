import { describe, expect, it } from 'vitest';
import { InvalidArgumentError } from '../errors.ts';
import { nearestByEmbedding, nearestByWords } from './nearest.ts';

const questions = [
  'A train travels 60 miles in 2 hours. How far in 5 hours?',
  'Tom buys 6 muffins at 3 dollars each. What does he pay?',
  'How many miles does a train travel in 3 hours?',
  'a TRAIN travels 60 miles in 2 hours - how far in 5 hours',
  'Muffins are 2 dollars each. How many for 8 dollars?',
];

describe('nearestByWords', () => {
  it('puts the nearest last, and never shows a question to itself, however it is written', () => {
    const choose = nearestByWords(questions);
    expect(choose(0, 1)).toEqual([2]);
    expect(choose(1, 2).at(-1)).toBe(4);
    // The copy of question 0 is no example for it.
    expect([...choose(0, 9)].sort()).toEqual([1, 2, 4]);
    expect([...choose(2, 9)].sort()).toEqual([0, 1, 3, 4]);
  });

  it('takes the earlier of two that are equally near', () => {
    expect(nearestByWords(['x y', 'x a', 'x b', 'x c'])(0, 2)).toEqual([2, 1]);
  });
});

describe('nearestByEmbedding', () => {
  // Unit vectors at these angles.
  const at = (degrees: number) =>
    Float32Array.of(Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180));

  it('goes by the angle', () => {
    const choose = nearestByEmbedding(['a', 'b', 'c', 'd'], [at(0), at(80), at(-20), at(30)]);
    expect(choose(0, 3)).toEqual([1, 3, 2]);
    expect(choose(1, 1)).toEqual([3]);
  });

  it('refuses embeddings of other questions or sizes', () => {
    expect(() => nearestByEmbedding(['a', 'b'], [at(0)])).toThrow(InvalidArgumentError);
    expect(() => nearestByEmbedding(['a', 'b'], [at(0), Float32Array.of(1)])).toThrow(InvalidArgumentError);
  });
});
