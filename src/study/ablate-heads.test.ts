import { expect, it } from 'vitest';
import { loadEngine } from '../load-engine.ts';
import { applyPlan } from '../steer/apply-plan.ts';
import { tokenizePrompt } from '../steer/prompt.ts';
import { chooseHeads, keepHeads } from '../vectors/prune.ts';
import { loadVector } from '../vectors/vector-file.ts';
import { ablateHeads } from './ablate-heads.ts';
import { forcedLogProb } from './forced-answer.ts';

const questions = [
  {
    question: 'Tom has 3 pens. He buys 4 more. How many pens has Tom?',
    trace: '3 + 4 = 7. The answer is 7.',
    short: '7',
  },
  {
    question: 'Ann has 9 nuts. She eats 2. How many nuts has Ann?',
    trace: '9 - 2 = 7. The answer is 7.',
    short: '7',
  },
];

it('a head is worth what the edit loses without it', async () => {
  await using engine = await loadEngine('tiny');
  const whole = await loadVector(
    new URL('../../models/tiny/vectors/stepwise.safetensors', import.meta.url).pathname,
  );
  const { layers } = engine.model;
  const only = keepHeads(
    whole,
    Array.from({ length: layers }, (_, layer) => (layer === 3 ? [1] : [])),
  );
  const progress: number[] = [];
  const scores = await ablateHeads(engine, only, questions, {
    values: 6,
    keys: 0,
    most: 2,
    onProgress: ({ done, total }) => progress.push(done / total),
  });

  // With its only head left out nothing is added: the gap of the steered prompt less that of the plain one.
  const gap = async (values: number) => {
    let sum = 0;
    for (const { question, trace, short } of questions) {
      const { tokens } = tokenizePrompt(question, engine.tokenizer, { offset: '\n' });
      await using prompt = (await engine.prefill(tokens.slice(0, -1))).cache;
      await applyPlan(prompt, { vector: only, values, keys: 0 }, engine);
      const score = (text: string) =>
        forcedLogProb(engine, prompt, tokens.at(-1)!, engine.tokenizer.encode(text));
      sum += (await score(trace)) - (await score(short));
    }
    return sum / questions.length;
  };
  expect(scores[0]).toMatchObject({ layer: 3, head: 1 });
  expect(scores[0]!.score).toBeCloseTo((await gap(6)) - (await gap(0)), 5);
  expect(Math.abs(scores[0]!.score)).toBeGreaterThan(1e-4);
  expect(scores[1]!.score).toBe(0);
  expect(progress).toEqual(Array.from({ length: 6 }, (_, i) => (i + 1) / 6));
  const best = chooseHeads(scores, { top: 1 }, layers);
  expect(best.flat()).toHaveLength(1);
  await expect(ablateHeads(engine, only, [])).rejects.toThrow(/at least one question/);
  await expect(ablateHeads(engine, only, questions, { most: 0 })).rejects.toThrow(/integer >= 1/);
});
