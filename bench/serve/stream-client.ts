/** A streaming client that costs little: it shares the machine with the server that it measures. */
import { Agent, request } from 'node:http';

export interface Ask {
  /** Stored vector, or null for a plain answer. */
  readonly vector: string | null;
  readonly prompt: string;
  readonly tokens: number;
}

/** Times in ms of `performance.now()`. */
export interface Timed {
  readonly sentAt: number;
  /** When each piece of text arrived: a token each, but for those that complete no character. */
  readonly pieceAt: readonly number[];
  readonly endedAt: number;
  /** As the server counts them. */
  readonly tokens: number;
}

const agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY });

/** @throws Error for anything but a whole stream. */
export function timeStream(url: string, model: string, { vector, prompt, tokens }: Ask): Promise<Timed> {
  const body = JSON.stringify({
    model,
    messages: [{ role: 'user', content: prompt }],
    temperature: 0,
    ignore_eos: true,
    max_tokens: tokens,
    stream: true,
    stream_options: { include_usage: true },
    steering: vector === null ? null : { vector, values: 0.5 },
  });
  return new Promise((resolve, reject) => {
    const sentAt = performance.now();
    const sent = request(`${url}/v1/chat/completions`, {
      method: 'POST',
      agent,
      headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
    });
    sent.on('error', reject);
    sent.on('response', (response) => {
      const pieceAt: number[] = [];
      let rest = '';
      let last = '';
      response.setEncoding('utf8');
      response.on('error', reject);
      response.on('data', (text: string) => {
        const now = performance.now();
        const events = (rest + text).split('\n\n');
        rest = events.pop()!;
        for (const event of events) {
          if (event.includes('"delta":{"content":')) pieceAt.push(now);
          if (event !== 'data: [DONE]') last = event;
          else rest = event;
        }
      });
      response.on('end', () => {
        if (response.statusCode !== 200 || rest !== 'data: [DONE]' || pieceAt.length === 0) {
          reject(new Error(`status ${response.statusCode}: ${last}${rest}`));
          return;
        }
        const { usage } = JSON.parse(last.slice('data: '.length));
        resolve({ sentAt, pieceAt, endedAt: performance.now(), tokens: usage.completion_tokens });
      });
    });
    sent.end(body);
  });
}

/** Resident bytes of the server's process, as it tells Prometheus. */
export async function residentBytes(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(/^process_resident_memory_bytes (\S+)$/m.exec(text)![1]);
}
