import { expect, it } from 'vitest';
import { InvalidArgumentError } from '../errors.ts';
import { addScaled, cosine, dot, norm } from './maths.ts';

it('accumulates in float64', () => {
  // In float32 2^24 + 1 is 2^24 and 1e30 squared overflows.
  expect(dot(Float32Array.of(2 ** 24, 1), Float32Array.of(1, 1))).toBe(2 ** 24 + 1);
  expect(norm(Float32Array.of(3e30, 4e30))).toBeCloseTo(5e30, -25);
});

it('measures the angle', () => {
  expect(cosine(Float32Array.of(1, 0), Float32Array.of(0, 2))).toBe(0);
  expect(cosine(Float32Array.of(1, 2), Float32Array.of(-2, -4))).toBeCloseTo(-1, 12);
  expect(cosine(Float32Array.of(1, 1), Float32Array.of(1, 0))).toBeCloseTo(Math.SQRT1_2, 12);
  expect(cosine(new Float32Array(2), Float32Array.of(1, 0))).toBe(0);
  const third = Float32Array.of(1 / 3, 1 / 7, 1 / 9);
  expect(cosine(third, third)).toBeLessThanOrEqual(1);
});

it('adds in place', () => {
  const target = Float32Array.of(1, 2);
  expect(addScaled(target, Float32Array.of(10, -1), 0.5)).toBe(target);
  expect([...target]).toEqual([6, 1.5]);
  expect([...addScaled(target, Float32Array.of(1, 1), 0)]).toEqual([6, 1.5]);
});

it('refuses different lengths', () => {
  const [a, b] = [new Float32Array(2), new Float32Array(3)];
  for (const call of [() => dot(a, b), () => cosine(a, b), () => addScaled(a, b, 1)]) {
    expect(call).toThrow(InvalidArgumentError);
  }
});
