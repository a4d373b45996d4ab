/** What is refused, what is bounded, and how the server ends. */

import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createApp } from './create-app.ts';
import { bundledVectors, question, type TestServer, testServer } from './running-server.test-support.ts';
import { Service, type ServiceOptions } from './service.ts';
import { startServer } from './start-server.ts';

let held: TestServer;
const log: { level: string; message: string; [field: string]: unknown }[] = [];
const write = (level: string) => (fields: object, message: string) => log.push({ level, message, ...fields });
beforeAll(async () => {
  held = await testServer({
    limits: { bodyBytes: 100_000, vectorBytes: 20_000, concurrent: 2, queue: 1, choices: 2 },
    log: { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') },
  });
});
afterAll(() => held[Symbol.asyncDispose]());

/** The routes over the same engine with other options, without a socket. */
const app = async (options: Partial<ServiceOptions>) =>
  createApp(
    await Service.open({
      engine: held.engine,
      vectors: { bundled: bundledVectors },
      // rowsHeld() knows the entries of the one server only
      prefixCacheBytes: 0,
      ...options,
    }),
  );
const json = { 'content-type': 'application/json' };
const messages = [{ role: 'user', content: question }];
const reason = async (response: Response) => {
  const { error } = await response.json();
  expect(Object.keys(error).sort()).toEqual(['code', 'message', 'param', 'type']);
  return [response.status, error.code];
};
/** A stream that goes on for long, begun. */
async function longStream(signal?: AbortSignal) {
  const body = { model: 'tiny', messages, ignore_eos: true, max_tokens: 900, stream: true };
  const response = await held.post('/v1/chat/completions', body, signal ? { signal } : {});
  const reader = response.body!.getReader();
  await reader.read();
  return reader;
}
const free = () =>
  expect.poll(() => [held.rowsHeld(), held.server.service.requests.size], { interval: 5 }).toEqual([0, 0]);

describe('requests that are none', () => {
  it('are refused in OpenAI’s shape', async () => {
    const chat = '/v1/chat/completions';
    const bodies: [string, number, string][] = [
      ['', 400, 'invalid_json'],
      ['{"model": "tiny", "messages": [', 400, 'invalid_json'],
      ['null', 400, 'invalid_request'],
      ['[]', 400, 'invalid_request'],
      ['{}', 400, 'invalid_request'],
      [`{"model":"tiny","messages":${'['.repeat(40_000)}${']'.repeat(40_000)}}`, 400, 'invalid_request'],
      [`{"model":"tiny","messages":${'{"a":'.repeat(15_000)}1${'}'.repeat(15_000)}}`, 400, 'invalid_request'],
      ['{"model":"tiny","__proto__":{"messages":[{"role":"user","content":"a"}]}}', 400, 'invalid_request'],
      [
        JSON.stringify({ model: 'tiny', messages: [{ role: 'user', content: 'a'.repeat(100_000) }] }),
        413,
        'body_too_large',
      ],
    ];
    for (const [body, status, code] of bodies) {
      expect(await reason(await held.post(chat, body)), body.slice(0, 60)).toEqual([status, code]);
    }
    const text = { headers: { 'content-type': 'text/plain' } };
    expect(await reason(await held.post(chat, '{}', text))).toEqual([415, 'unsupported_media_type']);
    const latin = await held.post(chat, '', { body: new Uint8Array([0x22, 0xe9, 0x22]) });
    expect(await reason(latin)).toEqual([400, 'invalid_json']);
    expect(await reason(await fetch(`${held.server.url}/v2/nothing`))).toEqual([404, 'route_not_found']);
    expect(await reason(await fetch(`${held.server.url}${chat}`))).toEqual([404, 'route_not_found']);
  });

  it('cannot be larger by not saying how large', async () => {
    const endless = new ReadableStream({
      pull: (controller) => controller.enqueue(new Uint8Array(16_384).fill(32)),
    });
    const init = { body: endless, duplex: 'half' } as RequestInit;
    expect(await reason(await held.post('/v1/chat/completions', '', init))).toEqual([413, 'body_too_large']);
    const put = { method: 'PUT', headers: { 'content-type': 'application/octet-stream' } };
    const large = await held.post('/v1/vectors/large', '', { ...put, body: new Uint8Array(20_001) });
    expect(await reason(large)).toEqual([413, 'body_too_large']);
    expect(await reason(await held.post('/v1/vectors/v', 'x', { ...put, headers: json }))).toEqual([
      415,
      'unsupported_media_type',
    ]);
  });

  it('cannot name a path', async () => {
    const names = [
      '..%2f..%2fetc%2fpasswd',
      '%2e%2e',
      '.%2e%2fx',
      'a%2fb',
      'a%5cb',
      'a%00',
      '%2fetc%2fpasswd',
      'x'.repeat(65),
    ];
    for (const name of names) {
      const at = `${held.server.url}/v1/vectors/${name}`;
      expect(await reason(await fetch(at)), name).toEqual([404, expect.stringMatching(/_not_found$/)]);
      expect((await fetch(at, { method: 'DELETE' })).status, name).toBe(404);
      const put = { method: 'PUT', body: 'x', headers: { 'content-type': 'application/octet-stream' } };
      expect([400, 404], name).toContain((await fetch(at, put)).status);
    }
    const { readdir } = await import('node:fs/promises');
    expect(await readdir(held.folder)).toEqual([]);
  });

  it('that break the server say an id, and no more', async () => {
    const real = held.engine.prefill;
    held.engine.prefill = () => Promise.reject(new Error('secret of the inside'));
    try {
      const response = await held.post(
        '/v1/chat/completions',
        { model: 'tiny', messages },
        { headers: { ...json, 'x-request-id': 'abc-1' } },
      );
      const text = await response.text();
      expect(response.status).toBe(500);
      expect(text).toContain('abc-1');
      expect(text).not.toMatch(/secret|at .*:\d+|node_modules/);
      expect(response.headers.get('x-request-id')).toBe('abc-1');
      expect(log.findLast(({ level }) => level === 'error')).toMatchObject({
        id: 'abc-1',
        status: 500,
        err: { message: 'secret of the inside' },
      });
    } finally {
      held.engine.prefill = real;
    }
    await free();
  });
});

describe('places', () => {
  it('are given in turn; a full queue is a 429 that says when', async () => {
    const streams = [await longStream(), await longStream()];
    const waiting = held.chat({ model: 'tiny', max_tokens: 3 });
    await expect.poll(() => held.server.service.admission.waiting, { interval: 5 }).toBe(1);
    const refused = await held.post('/v1/chat/completions', { model: 'tiny', messages });
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    expect(await reason(refused)).toEqual([429, 'queue_full']);
    // One reader goes away: its row and its place are free at once, and the one that waits gets in.
    await streams[0]!.cancel();
    expect((await waiting).choices).toHaveLength(1);
    await streams[1]!.cancel();
    await free();
    expect(log.filter(({ status }) => status === 499).length).toBe(2);
  });

  it('are free when a client vanishes in whatever state', async () => {
    const head = (body: string) =>
      `POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`;
    const body = JSON.stringify({ model: 'tiny', messages, ignore_eos: true, max_tokens: 900, n: 2 });
    for (const [sent, wait] of [
      [head(body), 5], // no body
      [head(body) + body.slice(0, 30), 5], // half a body
      [head(body) + body, 15], // whole, and gone before the answer
      [`${head(body)}${body}`.repeat(2), 15], // two on one connection
      ['GARBAGE\r\n\r\n', 5],
    ] as const) {
      const socket = connect(held.server.port, '127.0.0.1');
      socket.on('error', () => {});
      await once(socket, 'connect');
      socket.write(sent);
      await new Promise((resolve) => setTimeout(resolve, wait));
      socket.destroy();
    }
    await free();
    expect(held.server.service.admission.taken).toBe(0);
    expect((await held.chat({ max_tokens: 2 })).choices).toHaveLength(1);
  });

  it('are given back when the time is over', async () => {
    const late = await app({ limits: { requestMs: 60 } });
    const init = (fields: object) => ({
      method: 'POST',
      headers: json,
      body: JSON.stringify({
        model: 'tiny',
        messages,
        ignore_eos: true,
        max_tokens: 900,
        ...fields,
      }),
    });
    expect(await reason(await late.request('/v1/chat/completions', init({})))).toEqual([504, 'timeout']);
    const events = (await (await late.request('/v1/chat/completions', init({ stream: true }))).text())
      .trim()
      .split('\n\n');
    expect(JSON.parse(events.at(-1)!.slice('data: '.length)).error.code).toBe('timeout');
    await free();
    // A client that reads nothing of its stream: its rows do not wait for it.
    const unread = await late.request('/v1/chat/completions', init({ stream: true }));
    await free();
    expect(await unread.text()).toMatch(/"code":"timeout".*\n\n$/);
  });
});

describe('access', () => {
  it('needs a key where there are keys, for everything but health', async () => {
    const key = 'a-key-of-many-characters';
    const guarded = await app({ apiKeys: [key] });
    for (const path of ['/v1/models', '/v1/vectors', '/metrics', '/v1/nothing']) {
      const refused = await guarded.request(path);
      expect(refused.headers.get('www-authenticate'), path).toBe('Bearer');
      expect(await reason(refused)).toEqual([401, 'invalid_api_key']);
    }
    const headers = { authorization: `Bearer ${key}` };
    expect((await guarded.request('/v1/models', { headers })).status).toBe(200);
    expect((await guarded.request('/metrics', { headers })).status).toBe(200);
    for (const path of ['/healthz', '/readyz', '/openapi.json'])
      expect((await guarded.request(path)).status).toBe(200);
  });

  it('is limited in rate, key by key', async () => {
    const keys = ['a-key-of-many-characters', 'another-of-many-characters'];
    const limited = await app({ apiKeys: keys, requestsPerMinute: 2 });
    const ask = (key: string) =>
      limited.request('/v1/models', { headers: { authorization: `Bearer ${key}` } });
    expect([(await ask(keys[0]!)).status, (await ask(keys[0]!)).status]).toEqual([200, 200]);
    const refused = await ask(keys[0]!);
    expect(refused.headers.get('retry-after')).toBe('30');
    expect(await reason(refused)).toEqual([429, 'rate_limit_exceeded']);
    expect((await ask(keys[1]!)).status).toBe(200);
  });

  it('is for no page of another site, unless its origin is listed', async () => {
    const origin = 'https://example.org';
    const preflight = { method: 'OPTIONS', headers: { origin, 'access-control-request-method': 'POST' } };
    const closed = await app({});
    expect(
      (await closed.request('/v1/models', { headers: { origin } })).headers.get(
        'access-control-allow-origin',
      ),
    ).toBe(null);
    expect((await closed.request('/v1/models', preflight)).headers.get('access-control-allow-origin')).toBe(
      null,
    );
    const open = await app({ corsOrigins: [origin], apiKeys: ['a-key-of-many-characters'] });
    const allowed = await open.request('/v1/models', preflight);
    expect([allowed.status, allowed.headers.get('access-control-allow-origin')]).toEqual([204, origin]);
    const other = await open.request('/v1/models', { headers: { origin: 'https://other.org' } });
    expect(other.headers.get('access-control-allow-origin')).toBe(null);
  });

  it('on loopback is for this machine’s own names only', async () => {
    const { status, body } = await new Promise<{ status: string; body: string }>((resolve) => {
      const socket = connect(held.server.port, '127.0.0.1', () => {
        socket.write('GET /v1/models HTTP/1.1\r\nHost: rebound.example:80\r\nConnection: close\r\n\r\n');
      });
      let text = '';
      socket.on('data', (data) => {
        text += data;
      });
      socket.on('end', () => resolve({ status: text.split('\r\n')[0]!, body: text }));
    });
    expect(status).toBe('HTTP/1.1 403 Forbidden');
    expect(body).toContain('host_not_allowed');
  });

  it('does not write to vectors without a folder, or read-only', async () => {
    const put = { method: 'PUT', body: 'x', headers: { 'content-type': 'application/octet-stream' } };
    for (const vectors of [{ bundled: bundledVectors }, { folder: held.folder, readOnly: true }]) {
      const readOnly = await app({ vectors });
      expect(await reason(await readOnly.request('/v1/vectors/a', put))).toEqual([403, 'vectors_read_only']);
      expect(await reason(await readOnly.request('/v1/vectors/a', { method: 'DELETE' }))).toEqual([
        403,
        'vectors_read_only',
      ]);
    }
  });
});

describe('what the server tells', () => {
  it('logs no prompt and no answer, unless asked', async () => {
    const secret = 'Zanzibar';
    const fields = { messages: [{ role: 'user', content: secret }], max_tokens: 2 };
    await held.chat(fields);
    await held.chat({ ...fields, temperature: 'hot' });
    expect(JSON.stringify(log)).not.toContain(secret);
    expect(log.findLast(({ status }) => status === 200)).toMatchObject({
      message: 'request',
      route: '/v1/chat/completions',
      completion_tokens: 2,
      steered: false,
    });
    const told: object[] = [];
    const talkative = await app({
      logPrompts: true,
      log: { debug() {}, warn() {}, error() {}, info: (line) => told.push(line) },
    });
    await talkative.request('/v1/chat/completions', {
      method: 'POST',
      headers: json,
      body: JSON.stringify({ model: 'tiny', ...fields }),
    });
    expect(JSON.stringify(told)).toContain(secret);
  });

  it('counts for Prometheus', async () => {
    const metrics = async () => (await fetch(`${held.server.url}/metrics`)).text();
    const value = (text: string, name: string) =>
      Number(new RegExp(`^${name.replace(/[{}"]/g, '\\$&')} (\\S+)$`, 'm').exec(text)?.[1]);
    const before = await metrics();
    const { usage } = await held.chat({ model: 'tiny+causal' });
    const after = await metrics();
    const grown = (name: string) => value(after, name) - value(before, name);
    expect(grown('kvsteer_generations_total{steered="true"}')).toBe(1);
    expect(grown('kvsteer_generated_tokens_total{steered="true"}')).toBe(usage.completion_tokens);
    expect(grown('kvsteer_prompt_tokens_total')).toBe(usage.prompt_tokens);
    expect(grown('kvsteer_prompt_tokens_cached_total')).toBe(usage.prompt_tokens_details.cached_tokens);
    expect(grown('kvsteer_time_to_first_token_seconds_count')).toBe(1);
    expect(grown('kvsteer_token_seconds_count')).toBe(usage.completion_tokens - 1);
    expect(value(after, 'kvsteer_decoding')).toBe(0);
    expect(after).not.toMatch(/route="[^"]*(passwd|nothing)/);
  });

  it('describes every route', async () => {
    const document = await (await fetch(`${held.server.url}/openapi.json`)).json();
    const described = Object.entries(document.paths as Record<string, object>).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method} ${path}`),
    );
    const { routes } = createApp(held.server.service);
    const served = routes
      .filter(({ method, path }) => method !== 'ALL' && path !== '/openapi.json')
      .map(({ method, path }) => `${method.toLowerCase()} ${path.replace(/:(\w+)(\{[^}]*\})?/g, '{$1}')}`);
    expect(described.sort()).toEqual([...new Set(served)].sort());
    expect(document.components.schemas.ChatCompletionRequest.properties).toHaveProperty('steering');
    expect(JSON.stringify(document)).not.toContain('undefined');
  });

  it('goes to a tracer', async () => {
    const spans: object[] = [];
    const traced = await app({
      telemetry: {
        startRequest(name, attributes, headers) {
          const span: Record<string, unknown> = { name, ...attributes, ...headers };
          return { set: (more) => Object.assign(span, more), end: (error) => spans.push({ ...span, error }) };
        },
      },
    });
    const response = await traced.request('/v1/chat/completions', {
      method: 'POST',
      headers: { ...json, traceparent: '00-aa-bb-01' },
      body: JSON.stringify({ model: 'tiny+causal', messages, max_tokens: 3, stream: true }),
    });
    await response.text();
    expect(spans).toMatchObject([
      {
        name: 'POST /v1/chat/completions',
        traceparent: '00-aa-bb-01',
        'http.response.status_code': 200,
        'kvsteer.steered': true,
        'kvsteer.completion_tokens': 3,
        error: undefined,
      },
    ]);
  });
});

describe('the end', () => {
  it('lets running and waiting requests finish, takes no more, and frees everything', async () => {
    const server = await startServer({ engine: held.engine, port: 0, limits: { concurrent: 1 } });
    const ask = () =>
      fetch(`${server.url}/v1/chat/completions`, {
        method: 'POST',
        headers: json,
        body: JSON.stringify({ model: 'tiny', messages, temperature: 0 }),
      });
    const [first, second] = [ask(), ask()];
    await expect.poll(() => server.service.requests.size, { interval: 1 }).toBe(2);
    const closed = server.close();
    const ending = (path: string) =>
      createApp(server.service).request(path, { headers: { host: 'localhost' } });
    expect((await ending('/readyz')).status).toBe(503);
    expect(await reason(await ending('/v1/models'))).toEqual([503, 'shutting_down']);
    const texts = [await first, await second].map(
      async (response) => (await response.json()).choices[0].finish_reason,
    );
    expect(await Promise.all(texts)).toEqual(['stop', 'stop']);
    expect(await closed).toBe(0);
    await expect(ask()).rejects.toThrow();
    await free();
  });

  it('does not wait past its deadline', async () => {
    const server = await startServer({
      engine: held.engine,
      port: 0,
      prefixCacheBytes: 0,
      vectors: { bundled: bundledVectors },
    });
    const response = await fetch(`${server.url}/v1/chat/completions`, {
      method: 'POST',
      headers: json,
      body: JSON.stringify({
        model: 'tiny',
        messages,
        ignore_eos: true,
        max_tokens: 900,
        stream: true,
      }),
    });
    const text = response.text();
    expect(await server.close({ deadlineMs: 30 })).toBe(1);
    expect(await text).toContain('"code":"shutting_down"');
    await free();
  });

  it('a taken port is said', async () => {
    const taken = startServer({ engine: held.engine, port: held.server.port });
    await expect(taken).rejects.toThrow(/EADDRINUSE.*choose another/);
  });
});
