import { beforeEach, describe, expect, it } from 'vitest';
import { InvalidArgumentError, RuntimeFailureError } from '../errors.ts';
import { chatMl, byteTokenizer as tokenizer } from '../pairs/byte-tokenizer.test-support.ts';
import { MemoryEngine, memoryModel as model } from '../vectors/memory-engine.test-support.ts';
import { makeVector, modelIdentity } from '../vectors/vector.ts';
import { tokenizePrompt } from './prompt.ts';
import { generate, generateSteered, type SteerEvent, steer } from './steer.ts';

const vector = makeVector({
  keys: new Float32Array(48).fill(1),
  values: new Float32Array(48).fill(2),
  keyMode: 'unrotated',
  model: modelIdentity({ model, tokenizer }),
});
const asked = tokenizer.encode(chatMl([{ role: 'user', content: 'Why?' }]));

let engine: MemoryEngine;
beforeEach(() => {
  engine = new MemoryEngine();
  engine.answer = [
    { type: 'token', token: 72, text: '' },
    { type: 'token', token: 105, text: 'Hi' },
    { type: 'token', token: 256, text: '' },
    { type: 'finish', reason: 'eos', text: '!' },
  ];
});

describe('steer', () => {
  it('prefills the prompt, edits its last token and feeds the offset token', async () => {
    const result = await steer(engine, 'Why?', { vector, values: 3 }, { maxTokens: 9, temperature: 0 });
    expect(engine.prefilled).toEqual([asked]);
    expect(engine.fed).toEqual([{ maxTokens: 9, temperature: 0, feed: [10], history: asked }]);
    expect(engine.caches[0]!.edits.map(({ slot }) => slot.position)).toEqual([
      asked.length - 1,
      asked.length - 1,
    ]);
    expect(result).toMatchObject({
      text: 'Hi!',
      tokens: [72, 105, 256],
      promptTokens: asked.length,
      offsetToken: 10,
      editedPosition: asked.length - 1,
      finishReason: 'eos',
    });
    for (const ms of Object.values(result.timings)) expect(ms).toBeGreaterThanOrEqual(0);
    expect(engine.live).toBe(0);
  });

  it('without an offset token edits the last but one and feeds the last', async () => {
    const result = await steer(engine, 'Why?', { vector }, { offset: null });
    expect(engine.prefilled).toEqual([asked.slice(0, -1)]);
    expect(engine.fed[0]!.feed).toEqual(asked.slice(-1));
    expect(result).toMatchObject({
      editedPosition: asked.length - 2,
      promptTokens: asked.length,
      offsetToken: null,
    });
  });

  it('is plain without a plan, with an offset token only if asked', async () => {
    const plain = await generate(engine, 'Why?');
    const offsetOnly = await generate(engine, 'Why?', { offset: ' ' });
    expect(engine.fed.map(({ feed }) => feed)).toEqual([asked.slice(-1), [32]]);
    expect(plain).toMatchObject({ editedPosition: null, plans: [], offsetToken: null });
    expect(offsetOnly).toMatchObject({ editedPosition: null, promptTokens: asked.length, offsetToken: 32 });
    expect(plain.timings.editMs).toBe(0);
    expect(engine.caches.flatMap(({ edits }) => edits)).toEqual([]);
    expect(engine.live).toBe(0);
  });

  it('streams prefill, edit, tokens and the whole', async () => {
    const types: string[] = [];
    let last: SteerEvent | undefined;
    for await (const event of generateSteered(engine, 'Why?', { vector })) {
      types.push(event.type);
      last = event;
    }
    expect(types).toEqual(['prefill', 'edit', 'token', 'token', 'token', 'finish']);
    expect(last).toMatchObject({ type: 'finish', text: '!', result: { text: 'Hi!' } });
  });

  it('disposes of the cache when the loop is left, the signal fires, or something fails', async () => {
    for (const leaveAt of ['prefill', 'edit', 'token']) {
      for await (const event of generateSteered(engine, 'Why?', { vector }))
        if (event.type === leaveAt) break;
      expect(engine.live).toBe(0);
    }
    for (const abortAt of ['prefill', 'edit', 'token']) {
      const stop = new AbortController();
      const run = async () => {
        for await (const event of generateSteered(engine, 'Why?', { vector }, { signal: stop.signal })) {
          if (event.type === abortAt) stop.abort(new Error('enough'));
        }
      };
      await expect(run()).rejects.toThrow('enough');
      expect(engine.live).toBe(0);
    }
    engine.answer = [];
    await expect(steer(engine, 'Why?', { vector })).rejects.toThrow(RuntimeFailureError);
    expect(engine.live).toBe(0);
  });

  it('refuses a bad plan before the prompt is prefilled', async () => {
    await expect(steer(engine, 'Why?', { vector, layers: [9] })).rejects.toThrow(/0 to 2, found 9/);
    expect(engine.prefilled).toEqual([]);
  });
});

describe('tokenizePrompt', () => {
  const text = (prompt: Parameters<typeof tokenizePrompt>[0], options = {}) =>
    tokenizer.decode(tokenizePrompt(prompt, tokenizer, options).tokens);

  it('takes a question, messages or tokens', () => {
    const question = { role: 'user', content: 'Why?' };
    expect(text('Why?')).toBe(chatMl([question]));
    expect(text([question])).toBe(chatMl([question]));
    expect(text('Why?', { system: 'Be brief.' })).toBe(
      chatMl([{ role: 'system', content: 'Be brief.' }, question]),
    );
    expect(tokenizePrompt([5, 6], tokenizer, { offset: 7 })).toEqual({
      tokens: [5, 6, 7],
      promptTokens: 2,
      offsetToken: 7,
    });
  });

  it('continues a text where the model has no chat template', () => {
    const bare = { ...tokenizer, chatTemplateHash: null };
    expect(tokenizePrompt('Once', bare).tokens).toEqual(tokenizer.encode('Once'));
    expect(() => tokenizePrompt('Once', bare, { system: 'Be brief.' })).toThrow(/no chat template/);
    expect(() => tokenizePrompt([{ role: 'user', content: 'a' }], bare)).toThrow(/no chat template/);
    expect(() => tokenizePrompt('O', bare)).toThrow(/at least 2 tokens.*found 1.*or an offset token/);
    expect(tokenizePrompt('O', bare, { offset: '\n' }).tokens).toEqual([79, 10]);
  });

  it('refuses empty prompts, and a system message that has no place', () => {
    for (const empty of ['', ' \n', []]) {
      expect(() => tokenizePrompt(empty, tokenizer)).toThrow(/prompt is empty/);
      expect(() => tokenizePrompt(empty, tokenizer, { offset: '\n' })).toThrow(InvalidArgumentError);
    }
    expect(() => tokenizePrompt([5, 6], tokenizer, { system: 'Be brief.' })).toThrow(/before token ids/);
    const own = [
      { role: 'system', content: 'a' },
      { role: 'user', content: 'b' },
    ];
    expect(() => tokenizePrompt(own, tokenizer, { system: 'Be brief.' })).toThrow(/already/);
    const stubborn = {
      ...tokenizer,
      applyChatTemplate: () => {
        throw new Error('roles must alternate');
      },
    };
    expect(() => tokenizePrompt(own, stubborn)).toThrow(InvalidArgumentError);
    expect(() => tokenizePrompt(own, stubborn)).toThrow(/roles must alternate/);
  });
});
