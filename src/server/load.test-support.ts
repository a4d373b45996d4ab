/**
 * A load on the server in which no two requests are alike: each has a vector, a coefficient and a prompt of its own. What each
 * gets is compared with the library's answer to the same, alone on the engine, without the server: text, why it ended, and
 * every token's log-probability, bit for bit. So a request that met another's vector, text or row would show.
 */
import type { Engine } from '../engine/engine.ts';
import { generateSteered } from '../steer/steer.ts';
import { makeVector, type SteeringVector } from '../vectors/vector.ts';
import { vectorToBytes } from '../vectors/vector-bytes.ts';

/** Random numbers in [0, 1) that are the same every time (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The vector with another direction: as much noise as it has values, to the same norm. */
export function variantOf(vector: SteeringVector, seed: number): SteeringVector {
  const random = seededRandom(seed);
  const scale = Math.sqrt(vector.values.reduce((sum, v) => sum + v * v, 0) / vector.values.length);
  // uniform noise of the same root mean square; halved in power with the vector itself
  const values = vector.values.map((v) => (v + scale * Math.sqrt(3) * (2 * random() - 1)) * Math.SQRT1_2);
  return makeVector({ ...vector, values, statistics: null, centroids: null, keptHeads: null });
}

export interface LoadRequest {
  readonly name: string;
  readonly vector: SteeringVector;
  /** c_v */
  readonly values: number;
  readonly prompt: string;
  readonly maxTokens: number;
  readonly stream: boolean;
}

const names = ['Jonas', 'Amelia', 'Tom', 'Ines', 'Olga', 'Pavel', 'Rita', 'Samir'];
const things = ['erasers', 'pens', 'shells', 'stamps', 'coins', 'cards'];

/** Prompts of different lengths, of which some begin alike, as a conversation's do. */
export function loadRequests(base: SteeringVector, count: number): LoadRequest[] {
  return Array.from({ length: count }, (_, i) => {
    const [who, what] = [names[i % names.length]!, things[i % things.length]!];
    const more = i % 3 === 0 ? ` In the evening ${who} finds another ${(i * 7) % 90} ${what}.` : '';
    return {
      name: `load-${i}`,
      vector: variantOf(base, i + 1),
      values: Math.round((0.2 + (i % 97) / 97) * 1e4) / 1e4,
      prompt: `At first ${who} fills ${2 + (i % 11)} boxes with ${10 + i} ${what} in each.${more} How many ${what} does ${who} have?`,
      maxTokens: 6 + (i % 11),
      stream: i % 2 === 0,
    };
  });
}

/** What is compared. */
export interface LoadAnswer {
  readonly text: string;
  readonly finish: string;
  readonly logprobs: readonly number[];
}

/** The library's answer, alone on the engine. */
async function soloAnswer(engine: Engine, request: LoadRequest): Promise<LoadAnswer> {
  const { eosTokenIds } = engine.tokenizer;
  const logprobs: number[] = [];
  for await (const event of generateSteered(
    engine,
    request.prompt,
    { vector: request.vector, values: request.values },
    { maxTokens: request.maxTokens, logprobs: true },
  )) {
    if (event.type === 'token' && !eosTokenIds.includes(event.token)) logprobs.push(event.logprob!);
    if (event.type === 'finish') {
      const { text, finishReason } = event.result;
      return { text, finish: finishReason === 'length' ? 'length' : 'stop', logprobs };
    }
  }
  throw new Error('no finish event');
}

/** Puts every request's vector through the route. */
export async function putVectors(url: string, requests: readonly LoadRequest[]): Promise<void> {
  await atOnce(requests, 8, async ({ name, vector }) => {
    const response = await fetch(`${url}/v1/vectors/${name}`, {
      method: 'PUT',
      headers: { 'content-type': 'application/octet-stream' },
      body: vectorToBytes(vector) as Uint8Array<ArrayBuffer>,
    });
    if (response.status !== 201) throw new Error(`${response.status} ${await response.text()}`);
    await response.arrayBuffer();
  });
}

/** The server's answer. The steering it reports must be the one that was asked for. @throws Error for anything but a whole answer. */
async function serverAnswer(url: string, request: LoadRequest): Promise<LoadAnswer> {
  const { name, values, prompt, maxTokens, stream } = request;
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      model: 'tiny',
      messages: [{ role: 'user', content: prompt }],
      temperature: 0,
      max_tokens: maxTokens,
      logprobs: true,
      stream,
      steering: { vector: name, values },
    }),
  });
  const body = await response.text();
  if (response.status !== 200) throw new Error(`${response.status} ${body}`);
  const parts = stream ? eventsOf(body) : [JSON.parse(body)];
  const { applied } = parts[0].steering;
  if (applied.length !== 1 || applied[0].vector !== name || applied[0].values !== values) {
    throw new Error(`${name}@${values} was asked for, ${JSON.stringify(applied)} applied`);
  }
  const choices = parts.flatMap(({ choices }) => choices);
  return {
    text: choices.map((choice) => (choice.delta ?? choice.message).content ?? '').join(''),
    finish: choices.at(-1).finish_reason,
    logprobs: choices.flatMap(({ logprobs }) =>
      (logprobs?.content ?? []).map(({ logprob }: { logprob: number }) => logprob),
    ),
  };
}

// biome-ignore lint/suspicious/noExplicitAny: whatever the server answers is looked at
function eventsOf(body: string): any[] {
  const events = body.trimEnd().split('\n\n');
  if (events.pop() !== 'data: [DONE]') throw new Error(`a stream that ends with ${body.slice(-300)}`);
  return events.map((event) => JSON.parse(event.slice('data: '.length)));
}

/** Runs `work` for every item, `most` at a time. */
export async function atOnce<T>(
  items: readonly T[],
  most: number,
  work: (item: T, index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const one = async () => {
    while (next < items.length) {
      const index = next++;
      await work(items[index]!, index);
    }
  };
  await Promise.all(Array.from({ length: most }, one));
}

export interface LoadResult {
  readonly requests: number;
  /** Requests that did not get a whole answer, and why. */
  readonly failures: readonly string[];
  /** Requests whose answer is not their solo run's. */
  readonly unequal: readonly string[];
  /** Solo answers that differ from all others, log-probabilities included. */
  readonly distinct: number;
  readonly loadMs: number;
}

/** The library's answers, one at a time, for {@link runLoad} to compare with. */
export async function soloAnswers(engine: Engine, requests: readonly LoadRequest[]): Promise<string[]> {
  const solo: string[] = [];
  for (const request of requests) solo.push(JSON.stringify(await soloAnswer(engine, request)));
  return solo;
}

/** All requests, `streams` at a time; their vectors are stored already. */
export async function runLoad(
  url: string,
  requests: readonly LoadRequest[],
  solo: readonly string[],
  streams: number,
): Promise<LoadResult> {
  const failures: string[] = [];
  const unequal: string[] = [];
  const began = performance.now();
  await atOnce(requests, streams, async (request, i) => {
    try {
      const answer = JSON.stringify(await serverAnswer(url, request));
      if (answer !== solo[i]) unequal.push(`${request.name}: ${answer} instead of ${solo[i]}`);
    } catch (error) {
      failures.push(`${request.name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  });
  return {
    requests: requests.length,
    failures,
    unequal,
    distinct: new Set(solo).size,
    loadMs: performance.now() - began,
  };
}
