/** Clients as they should not be, each over a socket of its own. They resolve when they are done with the server. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { question } from './running-server.test-support.ts';

type Random = () => number;
export type BadClient = (port: number, random: Random) => Promise<void>;

const body = (fields: object) =>
  JSON.stringify({ model: 'tiny', messages: [{ role: 'user', content: question }], ...fields });
const head = (length: number, path = '/v1/chat/completions', method = 'POST', type = 'application/json') =>
  `${method} ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: ${type}\r\nContent-Length: ${length}\r\n\r\n`;
const closing = (head: string) => head.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n');
const whole = (fields: object) => head(body(fields).length) + body(fields);
const long = { ignore_eos: true, max_tokens: 400 };
const bytes = (length: number, random: Random) =>
  Uint8Array.from({ length }, () => Math.floor(256 * random()));

async function open(port: number, options: { readonly allowHalfOpen?: boolean } = {}): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', ...options });
  // what the server does to such a client is its own affair
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

/** Whatever comes, up to `most` bytes or the connection's end. */
async function read(socket: Socket, most = Number.POSITIVE_INFINITY): Promise<string> {
  let text = '';
  try {
    for await (const data of socket) {
      text += data;
      if (text.length >= most) break;
    }
  } catch {
    // reset
  }
  return text;
}

async function expectStatus(socket: Socket, allowed: readonly number[]): Promise<void> {
  const text = await read(socket);
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1]);
  // A connection that is closed under a body too large may be reset before its answer is read.
  if (text !== '' && !allowed.includes(status)) throw new Error(text.slice(0, 500));
}

export const badClients = {
  async vanishesMidStream(port, random) {
    const socket = await open(port);
    socket.write(whole({ ...long, stream: true, n: 1 + Math.floor(3 * random()) }));
    await read(socket, 300 + 20_000 * random());
    socket.destroy();
  },
  async resetsWhileItWaits(port, random) {
    const socket = await open(port);
    socket.write(whole({ ...long, n: 2, model: 'tiny+causal' }));
    await sleep(60 * random());
    socket.resetAndDestroy();
  },
  async sendsGarbage(port, random) {
    const socket = await open(port);
    socket.write(bytes(1 + Math.floor(3000 * random()), random));
    socket.write('\r\n\r\n');
    await expectStatus(socket, [400]);
  },
  async sendsGarbageForJson(port, random) {
    const socket = await open(port);
    const garbage = bytes(1 + Math.floor(2000 * random()), random);
    socket.write(closing(head(garbage.length)));
    socket.write(garbage);
    await expectStatus(socket, [400]);
  },
  async sendsBadChunks(port, random) {
    const socket = await open(port);
    socket.write(
      'POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n',
    );
    socket.write(`5\r\n{"a":\r\n${random() < 0.5 ? 'zz' : '-1'}\r\n`);
    await expectStatus(socket, [400]);
  },
  async breaksOffItsBody(port, random) {
    const socket = await open(port);
    socket.write(head(5000) + body(long));
    await sleep(40 * random());
    socket.destroy();
  },
  async closesItsHalf(port) {
    const socket = await open(port, { allowHalfOpen: true });
    socket.end(whole({ ...long, stream: true }));
    await read(socket);
    socket.destroy();
  },
  async saysNothing(port, random) {
    const socket = await open(port);
    await sleep(1500 * random());
    socket.destroy();
  },
  async saysItByTheByte(port, random) {
    const socket = await open(port);
    for (const byte of whole({ max_tokens: 1 }).slice(0, 20 + 60 * random())) {
      socket.write(byte);
      await sleep(2);
    }
    socket.destroy();
  },
  async sendsTenMegabytes(port) {
    const socket = await open(port);
    const text = body({ messages: [{ role: 'user', content: 'a'.repeat(10_000_000) }] });
    socket.write(closing(head(text.length)));
    socket.write(text);
    await expectStatus(socket, [413]);
  },
  async sendsTenMegabytesUnsaid(port) {
    const socket = await open(port);
    socket.write(
      'PUT /v1/vectors/large HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/octet-stream\r\nTransfer-Encoding: chunked\r\n\r\n',
    );
    const chunk = `f4240\r\n${'a'.repeat(1_000_000)}\r\n`;
    for (let i = 0; i < 10 && !socket.destroyed; i++) socket.write(chunk);
    await expectStatus(socket, [413]);
  },
  async asksTwiceAndVanishes(port, random) {
    const socket = await open(port);
    socket.write(whole({ ...long, stream: true }) + whole({ ...long, model: 'tiny+equation' }));
    await read(socket, 4000 * random());
    socket.destroy();
  },
} satisfies Record<string, BadClient>;

/** Asks for megabytes and reads none of them; the connection is the caller's to destroy. */
export async function stalledClient(port: number, answers: number): Promise<Socket> {
  const socket = await open(port);
  socket.pause();
  socket.write(
    whole({
      ignore_eos: true,
      max_tokens: 900,
      stream: true,
      logprobs: true,
      n: answers,
      model: 'tiny+strategy',
    }),
  );
  return socket;
}
