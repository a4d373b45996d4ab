/** On the bundled model. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Engine } from '../engine/engine.ts';
import { loadEngine } from '../load-engine.ts';
import { steer } from '../steer/steer.ts';
import { measureConditions } from './measure.ts';

let engine: Engine;
beforeAll(async () => {
  engine = await loadEngine('tiny');
});
afterAll(() => engine[Symbol.asyncDispose]());

const problems = [
  { question: 'Ben has 12 apples and buys 5 more. How many apples does Ben have in the end?', answer: 17 },
  { question: 'Mia has 40 pens and loses 8 of them. How many pens are left?', answer: 32 },
  { question: 'Tom fills 3 boxes with 4 rolls in each. How many rolls are there?', answer: -1 },
];
const suffix = " Let's think step by step.";

describe('measureConditions', () => {
  it('gives each condition the answers that it has alone, in the order of the problems', async () => {
    const seen: number[] = [];
    const { plain, cot } = await measureConditions(
      engine,
      problems,
      { plain: { plan: null }, cot: { plan: null, suffix } },
      { maxTokens: 64, onProgress: ({ done, total }) => seen.push(done / total) },
    );
    const alone = await Promise.all(
      problems.map(({ question }) => steer(engine, question + suffix, null, { offset: '\n', maxTokens: 64 })),
    );
    expect(cot.answers.map(({ text }) => text)).toEqual(alone.map(({ text }) => text));
    expect(plain.answers).toHaveLength(3);
    expect(cot.accuracy).toBe(cot.answers.filter(({ isRight }) => isRight).length / 3);
    expect(cot.answers[2]?.isRight).toBe(false);
    const written = alone.map(({ tokens, finishReason }) => tokens.length - (finishReason === 'eos' ? 1 : 0));
    expect(cot.tokens).toBeCloseTo(written.reduce((sum, count) => sum + count, 0) / 3, 10);
    expect(seen).toEqual([1, 2, 3, 4, 5, 6].map((done) => done / 6));
  });

  it('stops at a signal, and refuses to measure nothing', async () => {
    const controller = new AbortController();
    const onProgress = () => controller.abort(new Error('enough'));
    const { signal } = controller;
    const running = measureConditions(
      engine,
      problems,
      { plain: { plan: null } },
      { signal, onProgress, concurrency: 1 },
    );
    await expect(running).rejects.toThrow('enough');
    await expect(measureConditions(engine, [], { plain: { plan: null } })).rejects.toThrow(
      'nothing to measure',
    );
  });
});
