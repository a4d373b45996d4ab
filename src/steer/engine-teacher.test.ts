import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Engine } from '../engine/engine.ts';
import { loadEngine } from '../load-engine.ts';
import { engineTeacher } from './engine-teacher.ts';
import { generate } from './steer.ts';

let engine: Engine;
beforeAll(async () => {
  engine = await loadEngine('tiny');
});
afterAll(() => engine[Symbol.asyncDispose]());

const messages = [{ role: 'user', content: 'A pen costs 3 dollars. How much are 7 pens?' }];
const { signal } = new AbortController();
const request = { messages, maxTokens: 24, temperature: 1, seed: 7 };

it('answers as the engine does, the same request in the same way, and says what it took', async () => {
  const teacher = engineTeacher(engine);
  const [one, two, other] = await Promise.all([
    teacher.ask(request, signal),
    teacher.ask(request, signal),
    teacher.ask({ ...request, temperature: 0, maxTokens: 2 }, signal),
  ]);
  const plain = await generate(engine, messages, { maxTokens: 24, temperature: 1, seed: 7 });
  expect(two).toEqual(one);
  expect(one).toMatchObject({
    text: plain.text,
    isCut: plain.finishReason === 'length',
    usage: { prompt: plain.promptTokens, completion: plain.tokens.length },
  });
  expect(other).toMatchObject({ isCut: true, usage: { completion: 2 } });
  expect(teacher.identity).toContain(engine.model.fingerprint.slice(0, 16));
});

it('refuses a question that does not fit its context, and stops when it is told to', async () => {
  const teacher = engineTeacher(engine);
  const long = { role: 'user', content: 'pens and '.repeat(engine.model.contextLength) };
  await expect(teacher.ask({ ...request, messages: [long] }, signal)).rejects.toMatchObject({
    kind: 'refused',
    code: 'teacher-failed',
  });
  const stopped = AbortSignal.abort(new Error('enough'));
  await expect(teacher.ask(request, stopped)).rejects.toThrow('enough');
});
