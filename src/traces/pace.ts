import { setTimeout as sleep } from 'node:timers/promises';

/** Waits between requests: exponential with jitter for one that failed, and a common pause where the teacher asks for it. */
export interface PaceOptions {
  /** Before the second try, doubled each time after. */
  readonly firstMs: number;
  readonly mostMs: number;
  /** [0, 1) */
  readonly random?: () => number;
}

export class Pace {
  readonly #options: Required<PaceOptions>;
  #quietUntil = 0;

  constructor(options: PaceOptions) {
    this.#options = { random: Math.random, ...options };
  }

  /** A rate limit holds for the key, so all requests keep quiet, not only the one that was told. */
  keepQuiet(ms: number): void {
    this.#quietUntil = Math.max(this.#quietUntil, performance.now() + ms);
  }

  /** Until the teacher may be asked. @throws the signal's reason. */
  async untilQuietEnds(signal: AbortSignal): Promise<void> {
    for (let ms = this.#left(); ms > 0; ms = this.#left()) await pause(ms, signal);
  }

  /** Before the next try. @param failures of this request so far, at least 1. @throws the signal's reason. */
  async afterFailure(failures: number, signal: AbortSignal): Promise<void> {
    const { firstMs, mostMs, random } = this.#options;
    await pause(Math.min(mostMs, firstMs * 2 ** (failures - 1)) * (0.5 + random() / 2), signal);
  }

  #left(): number {
    return this.#quietUntil - performance.now();
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(Math.ceil(ms), undefined, { signal });
  } catch {
    signal.throwIfAborted();
  }
}

/** How long a response asks to be left alone: `retry-after-ms`, else `Retry-After` in seconds or as a date; null: not at all. */
export function retryAfterMs(headers: Headers, now: number = Date.now()): number | null {
  const exact = Number.parseFloat(headers.get('retry-after-ms') ?? '');
  if (exact >= 0) return exact;
  const text = headers.get('retry-after')?.trim() ?? '';
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1000;
  const date = Date.parse(text);
  return Number.isNaN(date) ? null : Math.max(0, date - now);
}
