/** Bad clients, bad files and an end in the middle: nothing crashes, leaks, or gets from one request to another. */
import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { KvSteerError } from '../errors.ts';
import { vectorToBytes } from '../vectors/vector-bytes.ts';
import { loadVector } from '../vectors/vector-file.ts';
import { badClients, stalledClient } from './bad-clients.test-support.ts';
import { atOnce, loadRequests, putVectors, runLoad, seededRandom, soloAnswers } from './load.test-support.ts';
import { bundledVectors, question, testServer } from './running-server.test-support.ts';
import { serveChild } from './serve-child.test-support.ts';
import { readStoredVector } from './vectors/stored-vector.ts';

const stepwise = () => loadVector(`${bundledVectors}/stepwise.safetensors`);

it('bad clients of every kind: others get what they get alone, and every row comes back', async () => {
  const limits = { concurrent: 64, queue: 512, choices: 16, requestMs: 9_000 };
  await using held = await testServer({ limits });
  const { url, port, service } = held.server;
  const requests = loadRequests(await stepwise(), 240);
  const solo = await soloAnswers(held.engine, requests);
  await putVectors(url, requests);

  const stalled = [await stalledClient(port, 16), await stalledClient(port, 16)];
  const bad = Object.entries(badClients).flatMap(([kind, client]) =>
    Array.from({ length: 16 }, (_, i) => ({ kind, client, seed: i })),
  );
  const order = seededRandom(7);
  bad.sort(() => order() - 0.5);
  const unexpected: string[] = [];
  const chaos = atOnce(bad, 16, async ({ kind, client, seed }) => {
    await client(port, seededRandom(seed)).catch((error) => unexpected.push(`${kind}: ${error}`));
  });
  const good = await runLoad(url, requests, solo, 12);
  await chaos;
  expect(good).toMatchObject({ failures: [], unequal: [] });
  expect(unexpected).toEqual([]);
  // The stalled ones hold theirs until their time is over; the others' are free at once.
  const held0 = () => [
    held.rowsHeld(),
    service.requests.size,
    service.admission.taken,
    service.admission.waiting,
  ];
  await expect.poll(held0, { timeout: 15_000, interval: 20 }).toEqual([0, 0, 0, 0]);
  const metrics = await (await fetch(`${url}/metrics`)).text();
  const timedOut = /_requests_total\{route="\/v1\/chat\/completions",method="POST",status="504"\} (\d+)/.exec(
    metrics,
  );
  expect(Number(timedOut?.[1])).toBe(2);
  for (const socket of stalled) socket.destroy();
  expect(await runLoad(url, requests.slice(0, 20), solo, 4)).toMatchObject({ failures: [], unequal: [] });
  const { data } = await (await fetch(`${url}/v1/vectors`)).json();
  expect(data.map(({ id }: { id: string }) => id)).not.toContain('large');
});

it('10,000 malformed vector files are refused with a reason, or are vectors', async () => {
  await using held = await testServer();
  const { engine, server } = held;
  const whole = vectorToBytes(await stepwise());
  const headerEnd = 8 + Number(new DataView(whole.buffer, whole.byteOffset).getBigUint64(0, true));
  const found = { refused: 0, accepted: 0 };
  const overHttp: { bytes: Uint8Array; accepted: boolean }[] = [];
  for (let i = 0; i < 10_000; i++) {
    const bytes = malformed(whole, headerEnd, seededRandom(i));
    let accepted = true;
    try {
      const { vector } = readStoredVector('fuzzed', bytes, 'folder', engine);
      expect(vector.values.every(Number.isFinite)).toBe(true);
    } catch (error) {
      accepted = false;
      if (!KvSteerError.isInstance(error)) throw new Error(`case ${i}: ${error}`, { cause: error });
    }
    found[accepted ? 'accepted' : 'refused']++;
    if (i % 33 === 0) overHttp.push({ bytes, accepted });
  }
  // The damage reaches the header often, the tensors' numbers (which may be any) sometimes.
  expect(found.refused).toBeGreaterThan(6000);
  expect(found.accepted).toBeGreaterThan(100);

  await atOnce(overHttp, 8, async ({ bytes, accepted }, i) => {
    const response = await fetch(`${server.url}/v1/vectors/fuzzed-${i}`, {
      method: 'PUT',
      headers: { 'content-type': 'application/octet-stream' },
      body: bytes as Uint8Array<ArrayBuffer>,
    });
    const answer = await response.json();
    if (accepted) expect([response.status, answer.id]).toEqual([201, `fuzzed-${i}`]);
    else
      expect([400, answer.error.code]).toEqual([
        response.status,
        expect.stringMatching(/^(invalid_vector|vector_mismatch)$/),
      ]);
  });
  expect(server.service.requests.size).toBe(0);
  expect((await held.chat({ model: 'tiny+stepwise' })).choices[0].message.content).toMatch(/^Step 1/);
});

/** One to four wounds: bytes changed, the header's text rewritten, cut, lengthened, another length of header said. */
function malformed(whole: Uint8Array, headerEnd: number, random: () => number): Uint8Array {
  const below = (most: number) => Math.floor(most * random());
  let bytes = whole.slice();
  for (let wound = 0; wound <= below(4); wound++) {
    const kind = below(7);
    if (kind === 0) bytes = bytes.slice(0, below(bytes.length + 1));
    else if (kind === 1) bytes = Buffer.concat([bytes, new Uint8Array(1 + below(64))]);
    else if (kind === 2 && bytes.length >= 8) {
      const lengths = [0n, 1n, BigInt(headerEnd), 2n ** 63n, 2n ** 64n - 1n, BigInt(below(2 ** 31))];
      new DataView(bytes.buffer, bytes.byteOffset).setBigUint64(0, lengths[below(6)]!, true);
    } else if (kind === 3) {
      const words = [
        'F32',
        '0',
        '{',
        '"',
        ',',
        '-1',
        '1e99',
        'null',
        '__proto__',
        '\\u0000',
        '[[',
        'kvsteer',
      ];
      const word = Buffer.from(words[below(words.length)]!);
      const at = below(Math.min(headerEnd, bytes.length));
      bytes.set(word.subarray(0, bytes.length - at), at);
    } else if (kind === 4 && bytes.length > headerEnd) {
      bytes[headerEnd + below(bytes.length - headerEnd)] = below(256);
    } else if (bytes.length > 0) {
      bytes[8 + below(Math.min(headerEnd, bytes.length))] = below(256);
    }
  }
  return bytes;
}

interface Outcome {
  readonly sentAt: number;
  /** Null: the connection was refused or closed before a byte of an answer. */
  readonly status: number | null;
  readonly body: string;
  readonly isWhole: boolean;
}

/** On a connection of its own, so that what came of it is known. */
function ask(url: string, fields: object): Promise<Outcome> {
  const body = JSON.stringify({ model: 'tiny', messages: [{ role: 'user', content: question }], ...fields });
  const sentAt = performance.now();
  return new Promise((resolve) => {
    const headers = { 'content-type': 'application/json' };
    const sent = request(
      `${url}/v1/chat/completions`,
      { method: 'POST', agent: false, headers },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (data) => {
          text += data;
        });
        const end = (isWhole: boolean) => () =>
          resolve({
            sentAt,
            status: response.statusCode ?? null,
            body: text,
            isWhole: isWhole && response.complete,
          });
        response.on('end', end(true));
        response.on('error', end(false));
      },
    );
    sent.on('error', () => resolve({ sentAt, status: null, body: '', isWhole: false }));
    sent.end(body);
  });
}

it.each([
  { drain: '20', why: 'each accepted request is answered' },
  { drain: '0.3', why: 'what is late is told so' },
])('SIGTERM under load, $drain s to drain: $why', async ({ drain }) => {
  const args = ['--max-concurrent', '16', '--max-queue', '100', '--drain', drain, '--log-level', 'info'];
  await using child = await serveChild(args);
  const isLong = drain !== '20';
  const outcomes: Outcome[] = [];
  let isOver = false;
  const clients = Array.from({ length: 64 }, async (_, i) => {
    while (!isOver) {
      const stream = i % 2 === 0;
      const length = isLong ? { ignore_eos: true, max_tokens: 900 } : { ignore_eos: true, max_tokens: 40 };
      const outcome = await ask(child.url, {
        ...length,
        stream,
        model: i % 3 === 0 ? 'tiny' : 'tiny+causal',
      });
      outcomes.push(outcome);
      if (outcome.status === null) return;
    }
  });
  await sleep(1500);
  const signalledAt = performance.now();
  child.process.kill('SIGTERM');
  const { code, stderr } = await child.exit;
  const tookMs = performance.now() - signalledAt;
  isOver = true;
  await Promise.all(clients);

  expect(code, stderr).toBe(0);
  expect(tookMs).toBeLessThan(1000 * Number(drain) + 6000);
  const log = stderr
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
  expect(log.filter(({ level }) => level >= 50)).toEqual([]);
  const isComplete = ({ status, body, isWhole }: Outcome) =>
    status === 200 &&
    isWhole &&
    (body.endsWith('data: [DONE]\n\n') || body.includes('"finish_reason":"length"'));
  const isTold = ({ body, isWhole }: Outcome) => isWhole && body.includes('"code":"shutting_down"');
  // What was there before the signal has an answer; nobody has half of one.
  const before = outcomes.filter(({ sentAt }) => sentAt < signalledAt - 200);
  expect(before.filter((outcome) => !isComplete(outcome) && !(isLong && isTold(outcome)))).toEqual([]);
  const after = outcomes.filter(({ sentAt }) => sentAt >= signalledAt - 200);
  expect(after.filter((one) => one.status !== null && !isComplete(one) && !isTold(one))).toEqual([]);
  expect(before.length).toBeGreaterThanOrEqual(60);
  const closed = log.find(({ msg }) => msg === 'closed');
  if (isLong) expect(closed.ended).toBeGreaterThan(0);
  else expect(closed.ended).toBe(0);
  // The server says of as many requests as clients do what became of them.
  const answered = outcomes.filter(({ status }) => status !== null);
  expect(log.filter(({ msg }) => msg === 'request')).toHaveLength(answered.length);
});
