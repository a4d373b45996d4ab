import { afterAll, beforeAll, expect, it } from 'vitest';
import { InvalidArgumentError } from '../errors.ts';
import {
  type ChatRequest,
  type MisbehavingTeacher,
  startTeacher,
} from './misbehaving-teacher.test-support.ts';
import { openAiTeacher } from './openai-teacher.ts';

const { signal } = new AbortController();
const request = {
  messages: [{ role: 'user', content: 'Ann has 1 pens and buys 2 more' }],
  maxTokens: 5,
  temperature: 0.7,
  seed: 1,
};
let server: MisbehavingTeacher;
let answer: (request: ChatRequest) => { status: number; body: unknown; headers?: Record<string, string> };

beforeAll(async () => {
  server = await startTeacher({ instead: (asked) => answer(asked) });
});
afterAll(() => server[Symbol.asyncDispose]());

const ask = async (own: typeof answer) => {
  answer = own;
  server.seen.length = 0;
  const teacher = await openAiTeacher({ baseUrl: `${server.url}/?token=secret`, apiKey: 'k', model: 'm' });
  expect(teacher.identity).toBe(`m at ${server.url}`);
  return teacher.ask(request, signal);
};
const completion = { choices: [{ message: { content: 'Hi.' }, finish_reason: 'stop' }] };

it('adapts to models that know the parameters by other names, and to servers that do not count', async () => {
  const reply = await ask(({ max_tokens, temperature }) => {
    if (max_tokens !== undefined) {
      return {
        status: 400,
        body: { error: { param: 'max_tokens', message: "Use 'max_completion_tokens' instead." } },
      };
    }
    if (temperature !== undefined) {
      return {
        status: 400,
        body: { error: { message: "Unsupported value: 'temperature' does not support 0.7." } },
      };
    }
    return { status: 200, body: completion };
  });
  expect(reply).toEqual({ text: 'Hi.', isCut: false, model: 'm', usage: null });
  expect(
    server.seen.map(({ body }) => [body.max_tokens, body.max_completion_tokens, body.temperature]),
  ).toEqual([
    [5, undefined, 0.7],
    [undefined, 5, 0.7],
    [undefined, 5, undefined],
  ]);
});

it.each([
  [429, { error: { code: 'insufficient_quota', message: 'Pay.' } }, 'fatal'],
  [402, {}, 'fatal'],
  [401, {}, 'fatal'],
  [404, {}, 'fatal'],
  [429, {}, 'passing'],
  [503, {}, 'passing'],
  [400, {}, 'refused'],
  [422, {}, 'refused'],
])('%i %j is %s', async (status, body, kind) => {
  const headers = { 'retry-after': '3' };
  await expect(ask(() => ({ status, body, headers }))).rejects.toMatchObject({
    kind,
    status,
    mayBeBilled: false,
    retryAfterMs: 3000,
  });
  expect(server.seen).toHaveLength(1);
});

it('does not take in more than an answer can be', async () => {
  const body = { ...completion, padding: 'x'.repeat(5 * 2 ** 20) };
  await expect(ask(() => ({ status: 200, body }))).rejects.toMatchObject({
    kind: 'passing',
    mayBeBilled: true,
    message: expect.stringContaining('larger than'),
  });
});

it('tells what was never sent from what may have been answered', async () => {
  const gone = await startTeacher();
  await gone[Symbol.asyncDispose]();
  const teacher = await openAiTeacher({ baseUrl: gone.url });
  await expect(teacher.ask(request, signal)).rejects.toMatchObject({ kind: 'passing', mayBeBilled: false });
  await expect(openAiTeacher({ baseUrl: 'localhost:8000' })).rejects.toThrow(InvalidArgumentError);
});
