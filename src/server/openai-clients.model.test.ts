/** The official client and the Vercel AI SDK against the real server, on a real port, with the real (bundled) model. */
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { generateText, streamText } from 'ai';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { generate, steer } from '../steer/steer.ts';
import { loadVector } from '../vectors/vector-file.ts';
import { bundledVectors, question, type TestServer, testServer } from './running-server.test-support.ts';

let held: TestServer;
let client: OpenAI;
const user = (content: string) => ({ role: 'user' as const, content });
const messages = [user(question)];
const stepwise = () => loadVector(`${bundledVectors}/stepwise.safetensors`);

beforeAll(async () => {
  held = await testServer();
  client = new OpenAI({ baseURL: `${held.server.url}/v1`, apiKey: 'none', maxRetries: 0 });
});
afterAll(() => held[Symbol.asyncDispose]());

describe('the openai client', () => {
  it('gets what the library answers, plain and steered, and the usage', async () => {
    const plain = await client.chat.completions.create({ model: 'tiny', messages, temperature: 0 });
    const expected = await generate(held.engine, question);
    expect(plain.choices).toEqual([
      {
        index: 0,
        message: { role: 'assistant', content: expected.text, refusal: null },
        logprobs: null,
        finish_reason: 'stop',
      },
    ]);
    expect(plain.object).toBe('chat.completion');
    expect(plain.usage).toMatchObject({
      prompt_tokens: expected.promptTokens,
      completion_tokens: expected.tokens.length,
      total_tokens: expected.promptTokens + expected.tokens.length,
    });
    const steered = await client.chat.completions.create({
      model: 'tiny+stepwise',
      messages,
      temperature: 0,
    });
    const { text, plans } = await steer(held.engine, question, { vector: await stepwise() });
    expect(steered.choices[0]!.message.content).toBe(text);
    expect(text).toMatch(/^Step 1: .* The answer is 171\.$/);
    expect(steered).toMatchObject({
      model: 'tiny+stepwise',
      steering: {
        applied: [{ vector: 'stepwise', values: 0.7, keys: 0, layers: plans[0]!.layers, positions: [1] }],
        skipped: [],
      },
    });
  });

  it('streams: the role first, then the text, then why it ended, then the usage', async () => {
    const body = { model: 'tiny+causal', messages, temperature: 0, n: 2 };
    const whole = await client.chat.completions.create(body);
    const stream = await client.chat.completions.create({
      ...body,
      stream: true,
      stream_options: { include_usage: true },
    });
    const chunks = [];
    for await (const chunk of stream) chunks.push(chunk);
    expect(chunks.slice(0, 2).map(({ choices }) => choices)).toEqual(
      [0, 1].map((index) => [
        { index, delta: { role: 'assistant', content: '' }, logprobs: null, finish_reason: null },
      ]),
    );
    expect(chunks[0]).toMatchObject({ object: 'chat.completion.chunk', usage: null });
    expect(chunks[0]).toHaveProperty('steering.applied.0.vector', 'causal');
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: whole.usage! });
    expect(new Set(chunks.map(({ id }) => id)).size).toBe(1);
    for (const index of [0, 1]) {
      const own = chunks.flatMap(({ choices }) => choices).filter((choice) => choice.index === index);
      expect(own.map(({ delta }) => delta.content ?? '').join('')).toBe(
        whole.choices[index]!.message.content,
      );
      expect(own.map(({ finish_reason }) => finish_reason)).toEqual([
        ...own.slice(1).map(() => null),
        'stop',
      ]);
      expect(own.at(-1)!.delta).toEqual({});
    }
  });

  it('ends before a stop text, and at a length', async () => {
    const body = { model: 'tiny+stepwise', messages, temperature: 0 };
    const stopped = await client.chat.completions.create({ ...body, stop: [' Step 2:', 'never'] });
    expect(stopped.choices[0]).toMatchObject({
      finish_reason: 'stop',
      message: { content: 'Step 1: 3 * 40 = 120 erasers.' },
    });
    for (const limit of [{ max_tokens: 5 }, { max_completion_tokens: 5, max_tokens: 9 }]) {
      const short = await client.chat.completions.create({ ...body, ...limit });
      expect(short.choices[0]!.finish_reason).toBe('length');
      expect(short.usage!.completion_tokens).toBe(5);
    }
  });

  it('gives each of n answers its own seed', async () => {
    const body = { model: 'tiny', messages, temperature: 2, seed: 11, max_tokens: 12 };
    const texts = (answer: OpenAI.ChatCompletion) => answer.choices.map(({ message }) => message.content);
    const three = texts(await client.chat.completions.create({ ...body, n: 3 }));
    expect(new Set(three).size).toBe(3);
    expect(texts(await client.chat.completions.create({ ...body, n: 3 }))).toEqual(three);
    expect(texts(await client.chat.completions.create({ ...body, seed: 12 }))).toEqual([three[1]]);
    const { text } = await generate(held.engine, question, { temperature: 2, seed: 13, maxTokens: 12 });
    expect(three[2]).toBe(text);
  });

  it('gives log-probabilities, the same whole and streamed', async () => {
    const body = { model: 'tiny', messages, temperature: 0, logprobs: true };
    const { choices } = await client.chat.completions.create(body);
    const content = choices[0]!.logprobs!.content!;
    expect(content.map(({ token }) => token).join('')).toBe(choices[0]!.message.content);
    const { tokenizer } = held.engine;
    const prompt = tokenizer.encode(tokenizer.applyChatTemplate(messages));
    // The first one by hand, from the model's logits.
    const { cache, logits } = await held.engine.prefill(prompt);
    await cache[Symbol.asyncDispose]();
    const most = Math.max(...logits);
    const total = logits.reduce((sum, logit) => sum + Math.exp(logit - most), 0);
    const chosen = tokenizer.encode(content[0]!.token)[0]!;
    // A prompt's last token and a fed one go through kernels that round otherwise.
    expect(content[0]!.logprob).toBeCloseTo(logits[chosen]! - most - Math.log(total), 1);
    expect(content[0]!.bytes).toEqual([...new TextEncoder().encode(content[0]!.token)]);
    const streamed = [];
    for await (const chunk of await client.chat.completions.create({ ...body, stream: true })) {
      streamed.push(...(chunk.choices[0]!.logprobs?.content ?? []));
    }
    expect(streamed).toEqual(content);
    const stopped = await client.chat.completions.create({ ...body, stop: ' is' });
    expect(stopped.choices[0]!.logprobs!.content!.map(({ token }) => token).join('')).toBe('The answer');
  });

  it('aborts a stream, and the row is free', async () => {
    const before = held.rowsHeld();
    const stream = await client.chat.completions.create({
      model: 'tiny',
      messages,
      stream: true,
      ignore_eos: true,
      max_tokens: 900,
    } as OpenAI.ChatCompletionCreateParamsStreaming);
    for await (const chunk of stream) if (chunk.choices[0]!.delta.content) break;
    stream.controller.abort();
    await expect.poll(() => held.rowsHeld(), { interval: 5 }).toBe(before);
    await expect.poll(() => held.server.service.admission.taken, { interval: 5 }).toBe(0);
  });

  it('throws its own errors', async () => {
    const create = (fields: object) =>
      client.chat.completions.create({ model: 'tiny', messages, ...fields }).catch((error: unknown) => error);
    const missing = await create({ model: 'gpt-4o' });
    expect(missing).toBeInstanceOf(OpenAI.NotFoundError);
    expect(missing).toMatchObject({
      status: 404,
      code: 'model_not_found',
      param: 'model',
      type: 'invalid_request_error',
    });
    expect(await create({ model: 'tiny+nothing' })).toMatchObject({
      status: 404,
      code: 'vector_not_found',
      param: 'model',
    });
    expect(await create({ steering: 'nothing' })).toMatchObject({ status: 404, param: 'steering' });
    for (const [fields, param] of [
      [{ messages: [] }, 'messages'],
      [{ messages: [user('')] }, 'messages.0.content'],
      [
        { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'x' } }] }] },
        'messages.0.content',
      ],
      [{ messages: [{ role: 'tool', content: 'x' }] }, 'messages.0.role'],
      [{ temperature: 3 }, 'temperature'],
      [{ n: 9 }, 'n'],
      [{ stop: ['a', 'b', 'c', 'd', 'e'] }, 'stop'],
      [{ logprobs: true, top_logprobs: 2 }, 'top_logprobs'],
      [{ presence_penalty: 1 }, 'presence_penalty'],
      [{ tools: [{ type: 'function', function: { name: 'f' } }] }, 'tools'],
      [{ max_tokens: 100_000 }, 'max_tokens'],
      [{ steering: { vector: 'stepwise', layers: [6] } }, 'steering'],
      [{ steering: { vector: 'stepwise', strength: 2 } }, 'steering'],
      [{ model: 'tiny+stepwise', steering: null }, 'steering'],
      [{ messages: [user('word '.repeat(1200))] }, 'messages'],
    ] as const) {
      const error = await create(fields);
      expect(error, JSON.stringify(fields).slice(0, 100)).toBeInstanceOf(OpenAI.BadRequestError);
      expect(error).toMatchObject({ status: 400, param });
    }
    expect(await create({ messages: [user('word '.repeat(1200))] })).toMatchObject({
      code: 'context_length_exceeded',
    });
  });

  it('completes texts and tokens, several at once', async () => {
    const { tokenizer } = held.engine;
    const text = tokenizer.applyChatTemplate(messages);
    const tokens = tokenizer.encode(text);
    const expected = await generate(held.engine, tokens, { maxTokens: 40 });
    const body = { model: 'tiny', temperature: 0, max_tokens: 40 };
    const both = await client.completions.create({ ...body, prompt: [tokens, tokens], n: 2, logprobs: 0 });
    expect(both.object).toBe('text_completion');
    expect(both.choices.map(({ index, text }) => [index, text])).toEqual(
      [0, 1, 2, 3].map((i) => [i, expected.text]),
    );
    const { tokens: words, text_offset } = both.choices[3]!.logprobs!;
    expect(words!.join('')).toBe(expected.text);
    expect(text_offset).toEqual(words!.map((_, i) => words!.slice(0, i).join('').length));
    let streamed = '';
    let finish: string | null = null;
    for await (const { choices } of await client.completions.create({
      ...body,
      prompt: text,
      stream: true,
    })) {
      streamed += choices[0]!.text;
      finish = choices[0]!.finish_reason;
    }
    expect([streamed, finish]).toEqual([expected.text, 'stop']);
    expect(
      (await client.completions.create({ model: 'tiny', prompt: text, temperature: 2 })).usage!
        .completion_tokens,
    ).toBeLessThanOrEqual(16);
    for (const prompt of ['', 'a', [[1], [2]], [[tokenizer.vocabSize, 1]], new Array(5).fill('ab')]) {
      const error = await client.completions.create({ model: 'tiny', prompt, n: 2 }).catch((e: unknown) => e);
      expect(error, JSON.stringify(prompt)).toMatchObject({ status: 400, param: 'prompt' });
    }
  });

  it('lists the model, alone and with each vector', async () => {
    const ids = [];
    for await (const { id } of client.models.list()) ids.push(id);
    expect(ids).toEqual(['tiny', 'tiny+causal', 'tiny+equation', 'tiny+stepwise', 'tiny+strategy']);
    expect(await client.models.retrieve('tiny+causal@2+stepwise')).toMatchObject({ object: 'model' });
    await expect(client.models.retrieve('tiny+nothing')).rejects.toBeInstanceOf(OpenAI.NotFoundError);
  });
});

describe('the Vercel AI SDK', () => {
  const provider = () =>
    createOpenAICompatible({ name: 'kvsteer', baseURL: `${held.server.url}/v1`, includeUsage: true });

  it('generates, with the steering in the model name or as a provider option', async () => {
    const expected = (await steer(held.engine, question, { vector: await stepwise() })).text;
    const named = await generateText({
      model: provider()('tiny+stepwise'),
      prompt: question,
      temperature: 0,
    });
    expect(named.text).toBe(expected);
    expect(named.finishReason).toBe('stop');
    const asOption = await generateText({
      model: provider()('tiny'),
      prompt: question,
      temperature: 0,
      providerOptions: { kvsteer: { steering: [{ vector: 'stepwise', values: 0.7 }] } },
    });
    expect(asOption.text).toBe(expected);
    expect(asOption.usage.inputTokenDetails.cacheReadTokens).toBeGreaterThan(30);
  });

  it('streams, and reports the usage', async () => {
    const { textStream, usage, finishReason } = streamText({
      model: provider()('tiny+equation'),
      prompt: question,
      temperature: 0,
    });
    let text = '';
    for await (const part of textStream) text += part;
    expect(text).toMatch(/^Let a = 3 \* 40 = 120; .*The answer is 171\.$/);
    expect(await finishReason).toBe('stop');
    expect((await usage).outputTokens).toBeGreaterThan(30);
  });
});
