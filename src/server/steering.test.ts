/** What reaches the cache, and what never does: steering, gates, and requests beside each other, on the real server. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { generate, type SteerResult, steer } from '../steer/steer.ts';
import { makeVector } from '../vectors/vector.ts';
import { vectorToBytes } from '../vectors/vector-bytes.ts';
import { loadVector } from '../vectors/vector-file.ts';
import { bundledVectors, question, type TestServer, testServer } from './running-server.test-support.ts';

let held: TestServer;
beforeAll(async () => {
  held = await testServer();
});
afterAll(() => held[Symbol.asyncDispose]());

const bundled = (name: string) => loadVector(`${bundledVectors}/${name}.safetensors`);
const put = (path: string, body: Uint8Array | string, type = 'application/octet-stream') =>
  fetch(`${held.server.url}${path}`, {
    method: 'PUT',
    body: body as BodyInit,
    headers: { 'content-type': type },
  });
const reason = async (response: Response) => [response.status, (await response.json()).error.code];
/** The answer with its log-probabilities: equal ones came from equal bits. */
const exact = async (fields: object) => {
  const answer = await held.chat({ logprobs: true, max_tokens: 16, ...fields });
  return JSON.stringify(answer.choices);
};

describe('steering', () => {
  it('takes coefficients, layers, heads, positions and several vectors, as the library does', async () => {
    const library = (plan: Parameters<typeof steer>[2]) =>
      steer(held.engine, question, plan, { maxTokens: 24 });
    const [causal, equation] = [await bundled('causal'), await bundled('equation')];
    const cases: [object, Promise<SteerResult>][] = [
      [{ steering: 'causal@0.7' }, library({ vector: causal, values: 0.7 })],
      [
        { steering: { vector: 'causal', values: 1.5, keys: 0.2, layers: [2, 3, 4] } },
        library({ vector: causal, values: 1.5, keys: 0.2, layers: [2, 3, 4] }),
      ],
      [
        { steering: [{ vector: 'causal', values: 1, layers: { from: 3 }, heads: [1] }, 'equation@0.5'] },
        library([
          { vector: causal, values: 1, layers: { from: 3 }, heads: [1] },
          { vector: equation, values: 0.5 },
        ]),
      ],
      [
        { steering: { vector: 'causal', values: 2, positions: [1, 3] } },
        library([
          { vector: causal, values: 2, position: 1 },
          { vector: causal, values: 2, position: 3 },
        ]),
      ],
      [
        { model: 'tiny+causal@0.4+equation@0.5' },
        library([
          { vector: causal, values: 0.4 },
          { vector: equation, values: 0.5 },
        ]),
      ],
    ];
    const texts = new Set<string>();
    for (const [fields, expected] of cases) {
      const { choices, usage } = await held.chat({ ...fields, max_tokens: 24 });
      const { text, tokens } = await expected;
      expect(choices[0].message.content, JSON.stringify(fields)).toBe(text);
      expect(usage.completion_tokens).toBe(tokens.length);
      texts.add(text);
    }
    expect(texts.size).toBeGreaterThan(2);
    const { steering } = await held.chat({
      steering: { vector: 'causal', positions: [1, 3], layers: { from: 4 } },
    });
    expect(steering.applied).toMatchObject([
      { vector: 'causal', positions: [1, 3], layers: [4, 5], values: 0.7 },
    ]);
  });

  it('at 0, null or [] is plain, bit for bit', async () => {
    const plain = await exact({});
    for (const fields of [
      { model: 'tiny+stepwise@0' },
      { steering: { vector: 'causal', values: 0 } },
      { steering: null },
      { steering: [] },
    ]) {
      expect(await exact(fields), JSON.stringify(fields)).toBe(plain);
    }
    expect((await held.chat({ steering: 'causal@0' })).steering).toMatchObject({
      applied: [],
      skipped: [{ vector: 'causal', reason: 'zero' }],
    });
    expect(await held.chat()).not.toHaveProperty('steering');
  });

  it('of one request never shows in another, beside it or after it', async () => {
    const kinds = [
      {},
      { model: 'tiny+stepwise' },
      { model: 'tiny+causal@3' },
      { steering: { vector: 'equation', values: 20, keys: 5, layers: { from: 0 }, positions: [1, 2, 3] } },
      { model: 'tiny+stepwise@-8', n: 2 },
      { steering: ['strategy@0.5', 'causal@0.5'] },
    ].map((fields) => ({ max_tokens: 24, ...fields }));
    const first = await exact({});
    const texts = async (fields: object) => JSON.stringify((await held.chat(fields)).choices);
    const alone: string[] = [];
    for (const fields of kinds) alone.push(await texts(fields));
    const together = await Promise.all([...kinds, ...kinds, ...kinds].map(texts));
    expect(together).toEqual([...alone, ...alone, ...alone]);
    expect(new Set(alone).size).toBeGreaterThan(3);
    // After all of that, from the prefix cache: the same bits as at the beginning, and as without any cache.
    expect(await exact({})).toBe(first);
    const { text } = await generate(held.engine, question);
    expect((await held.chat()).choices[0].message.content).toBe(text);
    expect((await held.chat()).usage.prompt_tokens_details.cached_tokens).toBeGreaterThan(30);
    expect(held.rowsHeld()).toBe(0);
  });

  it('goes on after a steered answer from the clean tokens of the conversation', async () => {
    const { choices } = await held.chat({ model: 'tiny+stepwise' });
    const messages = [
      { role: 'user', content: question },
      choices[0].message,
      { role: 'user', content: 'Ben has 8 cards. He buys 3 more cards. How many cards are there now?' },
    ].map(({ role, content }) => ({ role, content }));
    const next = await held.chat({ messages });
    expect(next.choices[0].message.content).toBe((await generate(held.engine, messages)).text);
    expect(next.usage.prompt_tokens_details.cached_tokens).toBeGreaterThan(40);
  });
});

describe('gates', () => {
  it('by a pattern on the last user message', async () => {
    const plain = await exact({});
    const steered = await exact({ steering: 'stepwise' });
    const when = (regex: string, flags?: string) => ({
      steering: { vector: 'stepwise', when: { regex, ...(flags && { flags }) } },
    });
    expect(await exact(when('how many ERASERS', 'i'))).toBe(steered);
    expect(await exact(when('^Why'))).toBe(plain);
    const { steering } = await held.chat(when('^Why'));
    expect(steering).toMatchObject({ applied: [], skipped: [{ vector: 'stepwise', reason: 'gate' }] });
    const { error } = await held.chat({
      messages: [{ role: 'user', content: `${'a'.repeat(60)}!` }],
      ...when('(a+)+$'),
    });
    expect(error).toMatchObject({ code: 'pattern_too_slow', param: 'steering' });
  });

  it('by a probe on the state of the prompt’s last token, stored with the vector or named', async () => {
    const { tokenizer, model } = held.engine;
    // A probe that tells two prompts apart: the difference of their states, with the threshold half-way between.
    const state = async (content: string) => {
      const text = tokenizer.applyChatTemplate([{ role: 'user', content }]);
      const { cache } = await held.engine.prefill(tokenizer.encode(text));
      await using _ = cache;
      return await cache.read({ layer: 3, kind: 'value', position: cache.length - 1 });
    };
    const other = 'At first Amelia wins 7 levels with 31 points each. How many points are there now?';
    const [here, there] = [await state(question), await state(other)];
    const weights = [...here.map((x, i) => x - there[i]!)];
    const dot = (s: Float32Array) => weights.reduce((sum, w, i) => sum + w * s[i]!, 0);
    const probe = { layer: 3, kind: 'value', weights, bias: -(dot(here) + dot(there)) / 2 };
    const ask = (content: string) => ({ messages: [{ role: 'user', content }] });

    const bytes = vectorToBytes(await bundled('stepwise'));
    expect((await put('/v1/vectors/gated', bytes)).status).toBe(201);
    const stored = await put('/v1/vectors/gated/gate', JSON.stringify({ probe }), 'application/json');
    expect(stored.status).toBe(200);
    expect(await stored.json()).toMatchObject({ id: 'gated', gate: { probe: { layer: 3 } } });
    const plain = await exact(ask(other));
    for (const steering of ['gated', { vector: 'causal', when: { probe: 'gated' } }]) {
      const used = await held.chat({ steering, ...ask(question) });
      expect(used.steering.applied).toHaveLength(1);
      const unused = await held.chat({ steering, ...ask(other) });
      expect(unused.steering.skipped).toMatchObject([{ reason: 'gate' }]);
      // Gated off is plain, bit for bit, though the prompt was read with its last token for the probe.
      expect(await exact({ steering, ...ask(other) })).toBe(plain);
    }
    // The request's word comes before the vector's.
    const always = await held.chat({ steering: { vector: 'gated', when: null }, ...ask(other) });
    expect(always.steering.applied).toHaveLength(1);
    expect(
      (await held.chat({ steering: { vector: 'causal', when: { probe: 'stepwise' } } })).error,
    ).toMatchObject({
      code: 'probe_not_found',
    });
    const short = { probe: { ...probe, weights: weights.slice(1) } };
    await put('/v1/vectors/gated/gate', JSON.stringify(short), 'application/json');
    expect((await held.chat({ steering: 'gated' })).error).toMatchObject({ code: 'probe_mismatch' });
    await put(
      '/v1/vectors/gated/gate',
      JSON.stringify({ probe: { ...probe, layer: model.layers } }),
      'application/json',
    );
    expect((await held.chat({ steering: 'gated' })).error).toMatchObject({ code: 'probe_mismatch' });
    const freed = await fetch(`${held.server.url}/v1/vectors/gated/gate`, { method: 'DELETE' });
    expect(await freed.json()).toMatchObject({ gate: null });
    expect(held.rowsHeld()).toBe(0);
  });
});

describe('/v1/vectors', () => {
  const get = (path: string) => fetch(`${held.server.url}/v1/vectors${path}`);

  it('stores, shows, gives back, uses and deletes a vector', async () => {
    const bytes = vectorToBytes(await bundled('causal'));
    const created = await put('/v1/vectors/mine', bytes);
    const info = await created.json();
    expect(created.status).toBe(201);
    expect(info).toMatchObject({
      id: 'mine',
      source: 'folder',
      bytes: bytes.length,
      recommended: { values: 0.7 },
    });
    expect(created.headers.get('etag')).toBe(`"${info.sha256}"`);
    expect((await put('/v1/vectors/mine', bytes)).status).toBe(200);
    expect(await (await get('/mine')).json()).toEqual(info);
    expect(new Uint8Array(await (await get('/mine/content')).arrayBuffer())).toEqual(bytes);
    const { data } = await (await get('')).json();
    expect(data.map(({ id }: { id: string }) => id)).toContain('mine');
    // By its content as well.
    const byName = await held.chat({ model: 'tiny+mine' });
    const byContent = await held.chat({ steering: info.sha256 });
    expect(byContent.choices).toEqual(byName.choices);
    expect((await put(`/v1/vectors/${info.sha256}`, bytes)).status).toBe(201);
    expect(await reason(await put(`/v1/vectors/${'0'.repeat(64)}`, bytes))).toEqual([400, 'invalid_request']);
    for (const name of ['mine', info.sha256]) {
      const gone = await fetch(`${held.server.url}/v1/vectors/${name}`, { method: 'DELETE' });
      expect(await gone.json()).toEqual({ id: name, object: 'vector', deleted: true });
    }
    expect(await reason(await get('/mine'))).toEqual([404, 'vector_not_found']);
    expect((await held.chat({ model: 'tiny+mine' })).error.code).toBe('vector_not_found');
  });

  it('sees what another server puts into the folder, and a replaced file', async () => {
    const { saveVector } = await import('../vectors/vector-file.ts');
    const path = `${held.folder}/shared.safetensors`;
    await saveVector(await bundled('stepwise'), path);
    expect((await held.chat({ model: 'tiny+shared' })).choices[0].message.content).toMatch(/^Step 1/);
    await saveVector(await bundled('causal'), path);
    expect((await held.chat({ model: 'tiny+shared' })).choices[0].message.content).toMatch(/^Because/);
  });

  it('refuses damaged files, and vectors of another model', async () => {
    const bytes = vectorToBytes(await bundled('stepwise'));
    expect(await reason(await put('/v1/vectors/bad', bytes.slice(0, -3)))).toEqual([400, 'invalid_vector']);
    expect(await reason(await put('/v1/vectors/bad', new Uint8Array()))).toEqual([400, 'invalid_vector']);
    expect(await reason(await put('/v1/vectors/bad', 'x'.repeat(500)))).toEqual([400, 'invalid_vector']);
    const vector = await bundled('stepwise');
    const foreign = vectorToBytes(
      makeVector({ ...vector, model: { ...vector.model, fingerprint: 'f'.repeat(64) } }),
    );
    expect(await reason(await put('/v1/vectors/bad', foreign))).toEqual([400, 'vector_mismatch']);
    // One that lies in the folder is not offered, and says why when it is named.
    const { writeFile } = await import('node:fs/promises');
    await writeFile(`${held.folder}/foreign.safetensors`, foreign);
    await writeFile(`${held.folder}/damaged.safetensors`, 'not a vector');
    await writeFile(`${held.folder}/.hidden.safetensors`, bytes);
    const { data } = await (await get('')).json();
    expect(data.map(({ id }: { id: string }) => id)).not.toEqual(expect.arrayContaining(['foreign']));
    expect(data.map(({ id }: { id: string }) => id)).not.toEqual(expect.arrayContaining(['damaged']));
    expect(await reason(await get('/foreign'))).toEqual([400, 'vector_mismatch']);
    expect(await reason(await get('/damaged'))).toEqual([500, 'vector_damaged']);
    expect(await reason(await get('/.hidden'))).toEqual([404, 'vector_not_found']);
    const gone = await fetch(`${held.server.url}/v1/vectors/stepwise`, { method: 'DELETE' });
    expect(await reason(gone)).toEqual([403, 'vector_bundled']);
  });
});
