import { InvalidArgumentError } from '../../errors.ts';

/** So many requests a minute for each key; what was not used collects up to one minute's worth. */
export class RateLimit {
  readonly perMinute: number;
  readonly #now: () => number;
  readonly #buckets = new Map<string, { left: number; at: number }>();

  /** @param now milliseconds; default the process's clock. @throws InvalidArgumentError for less than 1. */
  constructor(perMinute: number, now: () => number = () => performance.now()) {
    if (!Number.isFinite(perMinute) || perMinute < 1) {
      throw new InvalidArgumentError(
        'requestsPerMinute',
        `Requests a minute must be a number of at least 1, not ${perMinute}.`,
      );
    }
    this.perMinute = perMinute;
    this.#now = now;
  }

  /** Takes one. @returns null, or the seconds until there is one again. */
  take(key: string): number | null {
    const now = this.#now();
    const bucket = this.#buckets.get(key) ?? { left: this.perMinute, at: now };
    const left = Math.min(this.perMinute, bucket.left + ((now - bucket.at) / 60_000) * this.perMinute);
    const allowed = left >= 1;
    this.#buckets.set(key, { left: allowed ? left - 1 : left, at: now });
    return allowed ? null : Math.max(1, Math.ceil(((1 - left) * 60) / this.perMinute));
  }
}
