import { InvalidArgumentError } from '../../errors.ts';

const MINUTE = 60_000;

/** So many requests a minute for each key; what was not used collects up to one minute's worth. */
export class RateLimit {
  readonly perMinute: number;
  readonly #now: () => number;
  /** When everything that a key has taken will have come back. */
  readonly #usedUp = new Map<string, number>();

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
    const each = MINUTE / this.perMinute;
    const usedUp = Math.max(this.#usedUp.get(key) ?? 0, now);
    const waitMs = usedUp + each - now - MINUTE;
    // less than a microsecond is rounding
    if (waitMs > 1e-3) return Math.ceil(waitMs / 1000 - 1e-6);
    this.#usedUp.set(key, usedUp + each);
    return null;
  }
}
