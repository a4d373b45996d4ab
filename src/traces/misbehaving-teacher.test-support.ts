/**
 * A server in the shape of OpenAI's chat completions that fails in every way a real one does, by seed. What it answers depends
 * on the request alone, so that runs with different faults must end with the same file; the faults depend on the seed and on
 * how often the same request came.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Question } from '../data/question.ts';

export const KEY = 'sk-test-0123456789';

type Faulty = 'error' | 'stall' | 'stall-in-body' | 'truncate' | 'limit' | 'garbage' | 'html';
const faults: readonly Faulty[] = ['error', 'stall', 'stall-in-body', 'truncate', 'limit', 'garbage', 'html'];

export interface TeacherOptions {
  /** Share of requests that meet a fault, [0, 1]. Default 0. */
  readonly faultRate?: number;
  /** A request meets at most this many faults. Default 3. */
  readonly mostFaults?: number;
  readonly seed?: number;
  /** Answers all requests itself, where it gives something. */
  readonly instead?: (
    request: ChatRequest,
  ) => { status: number; body: unknown; headers?: Record<string, string> } | undefined;
  /** Called when a request has come in, before it is answered. */
  readonly onRequest?: (request: SeenRequest) => void;
}

export interface ChatRequest {
  readonly model: string;
  readonly messages: readonly { readonly role: string; readonly content: string }[];
  readonly max_tokens?: number;
  readonly max_completion_tokens?: number;
  readonly temperature?: number;
}

export interface SeenRequest {
  /** Identifies the request; the answer's `model` ends with it. */
  readonly id: string;
  readonly body: ChatRequest;
  readonly headers: IncomingMessage['headers'];
  readonly at: number;
  fault: Faulty | null;
}

export interface MisbehavingTeacher extends AsyncDisposable {
  readonly url: string;
  readonly seen: SeenRequest[];
  /** Tokens of all answers that were written, whether they arrived or not. */
  written: number;
}

/** `count` sums, with their answers. */
export function sums(count: number): Question[] {
  return Array.from({ length: count }, (_, i) => ({
    id: `sum-${i}`,
    question: `Ann has ${i + 3} pens and buys ${2 * i + 1} more. How many pens has she?`,
    choices: null,
    answer: `${3 * i + 4}`,
    rationale: null,
    source: 'made up',
    licence: 'MIT',
  }));
}

/** How many attempts at a trace are wrong before one is right: most none, some one or two, a few all. */
export function wrongAttempts(question: string, style: string): number {
  return [0, 0, 0, 0, 0, 1, 1, 2, 99][hash(question, style) % 9]!;
}

export async function startTeacher(options: TeacherOptions = {}): Promise<MisbehavingTeacher> {
  const { faultRate = 0, mostFaults = 3, seed = 0, instead, onRequest } = options;
  const seen: SeenRequest[] = [];
  const times = new Map<string, number>();
  const server = createServer(async (incoming, response) => {
    const text = (await incoming.toArray()).join('');
    const body = JSON.parse(text) as ChatRequest;
    const id = createHash('sha256').update(text).digest('hex').slice(0, 12);
    const time = times.get(id) ?? 0;
    times.set(id, time + 1);
    const draw = hash(seed, id, time);
    const isFaulty = time < mostFaults && (draw % 1000) / 1000 < faultRate;
    const fault = isFaulty ? faults[Math.floor(draw / 1000) % faults.length]! : null;
    const request: SeenRequest = { id, body, headers: incoming.headers, at: performance.now(), fault };
    seen.push(request);
    onRequest?.(request);
    const own = instead?.(body);
    if (own) {
      send(response, own.status, own.body, own.headers);
      return;
    }
    const completion = complete(body, id);
    if (fault === null || fault === 'truncate' || fault.startsWith('stall')) {
      teacher.written += completion.usage.prompt_tokens + completion.usage.completion_tokens;
    }
    if (fault === null) send(response, 200, completion);
    else misbehave(fault, completion, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const teacher: MisbehavingTeacher = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    seen,
    written: 0,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return teacher;
}

function misbehave(fault: Faulty, completion: unknown, response: ServerResponse): void {
  const json = JSON.stringify(completion);
  const head = { 'content-type': 'application/json' };
  const acts: Readonly<Record<Faulty, () => void>> = {
    error: () => send(response, 500, { error: { message: 'The server had an error.' } }),
    limit: () => send(response, 429, { error: { message: 'Slow down.' } }, { 'retry-after-ms': '5' }),
    garbage: () => send(response, 200, { object: 'list', data: [] }),
    html: () => response.writeHead(200, { 'content-type': 'text/html' }).end('<html>A login page</html>'),
    stall: () => {},
    'stall-in-body': () => response.writeHead(200, head).write(json.slice(0, 40)),
    truncate: () => {
      response
        .writeHead(200, { ...head, 'content-length': json.length })
        .write(json.slice(0, json.length / 2));
      response.destroy();
    },
  };
  acts[fault]();
}

function send(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}

/** The attempt shows in the temperature: 0, 0.7, 1. */
function complete({ messages, temperature = 0 }: ChatRequest, id: string) {
  const [system, user] = messages.map(({ content }) => content);
  const [, a, b] = /Ann has (\d+) pens and buys (\d+) more/.exec(user!)!;
  const style = /Style: (\S+)/.exec(system!)![1]!;
  const question = user!.split('\n')[0]!;
  const attempt = temperature === 0 ? 1 : temperature < 1 ? 2 : 3;
  const isRight = attempt > wrongAttempts(question, style);
  const sum = Number(a) + Number(b);
  const line = `She has ${a} + ${b} = ${sum} pens`;
  const reasoning = {
    Stepwise: `Step 1: Ann has ${a} pens.\nStep 2: ${line}.`,
    Strategy: `Strategy: Add what she buys to what she has.\nExecution: ${line}.`,
    A: `Because Ann has ${a} pens and buys ${b}, ${a} + ${b} = ${sum} are hers, therefore she has ${sum} pens.`,
  }[style]!;
  const bad = [`${reasoning}\nThe answer is ${sum + 1}.`, reasoning, `${reasoning}\nThe answer is ${sum}.`];
  const kind = hash(question, style, attempt) % 3;
  return {
    id: 'chatcmpl-1',
    object: 'chat.completion',
    model: `misbehaving-${id}`,
    choices: [
      {
        index: 0,
        message: {
          role: 'assistant',
          content: isRight ? `${reasoning}\n**The answer is ${sum}.**` : bad[kind]!,
        },
        finish_reason: !isRight && kind === 2 ? 'length' : 'stop',
      },
    ],
    usage: { prompt_tokens: 300 + (hash(id) % 50), completion_tokens: 40 + (hash(id, 1) % 20) },
  };
}

function hash(...parts: readonly (string | number)[]): number {
  return createHash('sha256').update(JSON.stringify(parts)).digest().readUInt32LE(0);
}
