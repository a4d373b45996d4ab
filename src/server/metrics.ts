import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Admission } from './admission.ts';
import type { PrefixCache } from './answer/prefix-cache.ts';

const seconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300];

/** What Prometheus scrapes at `/metrics`. A registry of its own: two servers in one process do not mix. */
export class Metrics {
  readonly registry = new Registry();
  readonly #in = { registers: [this.registry] };

  readonly requests = new Counter({
    name: 'kvsteer_http_requests_total',
    help: 'Requests answered, by route, method and status',
    labelNames: ['route', 'method', 'status'] as const,
    ...this.#in,
  });
  readonly requestSeconds = new Histogram({
    name: 'kvsteer_http_request_seconds',
    help: 'Arrival to last byte',
    labelNames: ['route'] as const,
    buckets: seconds,
    ...this.#in,
  });
  readonly generations = new Counter({
    name: 'kvsteer_generations_total',
    help: 'Requests for answers that began to be answered; steered says whether an edit was made',
    labelNames: ['steered'] as const,
    ...this.#in,
  });
  readonly promptTokens = new Counter({
    name: 'kvsteer_prompt_tokens_total',
    help: 'Prompt tokens, cached ones included',
    ...this.#in,
  });
  readonly cachedTokens = new Counter({
    name: 'kvsteer_prompt_tokens_cached_total',
    help: 'Prompt tokens whose keys and values came from the prefix cache',
    ...this.#in,
  });
  readonly generatedTokens = new Counter({
    name: 'kvsteer_generated_tokens_total',
    help: 'Tokens generated',
    labelNames: ['steered'] as const,
    ...this.#in,
  });
  readonly queueSeconds = new Histogram({
    name: 'kvsteer_queue_seconds',
    help: 'Waiting for a place',
    buckets: seconds,
    ...this.#in,
  });
  readonly firstTokenSeconds = new Histogram({
    name: 'kvsteer_time_to_first_token_seconds',
    help: 'Arrival to first token, of each answer',
    buckets: seconds,
    ...this.#in,
  });
  readonly tokenSeconds = new Histogram({
    name: 'kvsteer_token_seconds',
    help: 'Between two tokens of an answer',
    buckets: seconds,
    ...this.#in,
  });
  readonly batchSize = new Histogram({
    name: 'kvsteer_batch_size',
    help: 'Answers that were decoding, seen at each token',
    buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256],
    ...this.#in,
  });
  readonly decoding = new Gauge({ name: 'kvsteer_decoding', help: 'Answers that decode now', ...this.#in });
  #decoding = 0;

  constructor(parts: { readonly admission: Admission; readonly prefixes: PrefixCache }) {
    const gauge = (name: string, help: string, value: () => number) =>
      new Gauge({
        name,
        help,
        collect() {
          this.set(value());
        },
        ...this.#in,
      });
    // A share can be computed before the first of a kind was seen.
    for (const steered of ['true', 'false']) {
      this.generations.inc({ steered }, 0);
      this.generatedTokens.inc({ steered }, 0);
    }
    gauge('kvsteer_queue_requests', 'Requests that wait for a place', () => parts.admission.waiting);
    gauge('kvsteer_places_taken', 'Answers that have a place', () => parts.admission.taken);
    gauge('kvsteer_prefix_entries', 'Prompts in the prefix cache', () => parts.prefixes.statistics.entries);
    gauge(
      'kvsteer_prefix_bytes',
      'Estimated memory of the prefix cache',
      () => parts.prefixes.statistics.bytes,
    );
  }

  /** CPU, memory and event loop of the process: once a process. */
  collectProcess(): void {
    collectDefaultMetrics({ register: this.registry });
  }

  /** Counts one answer as decoding until the result is called. */
  beginDecoding(): () => void {
    this.decoding.set(++this.#decoding);
    return () => {
      this.decoding.set(--this.#decoding);
    };
  }

  /** @param sinceMs the token before, or null for the first. */
  sawToken(steered: boolean, sinceMs: number | null, sinceArrivalMs: number): void {
    this.generatedTokens.inc({ steered: String(steered) });
    this.batchSize.observe(this.#decoding);
    if (sinceMs === null) this.firstTokenSeconds.observe(sinceArrivalMs / 1000);
    else this.tokenSeconds.observe(sinceMs / 1000);
  }
}
