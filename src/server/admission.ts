import { ApiError } from './api-error.ts';

interface Waiting {
  readonly places: number;
  readonly enter: () => void;
}

/** Weight of the newest request in the running mean of how long places are held. */
const NEWEST = 0.1;

/**
 * How many answers decode at once, and how many requests wait for that, first come, first served. A request takes as many
 * places as it asks for answers.
 */
export class Admission {
  readonly #places: number;
  readonly #queue: number;
  readonly #waiting: Waiting[] = [];
  #taken = 0;
  #meanMs = 1000;

  /** @param places answers at a time. @param queue requests that may wait. */
  constructor(places: number, queue: number) {
    this.#places = places;
    this.#queue = queue;
  }

  /** Places that are taken. */
  get taken(): number {
    return this.#taken;
  }

  /** Requests that wait. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /**
   * Waits for `places` (at most all of them). @returns what gives them back; calling it again does nothing.
   * @throws ApiError 429 when the queue is full; the signal's reason.
   */
  async enter(places: number, signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    if (this.#waiting.length > 0 || this.#taken + places > this.#places) {
      if (this.#waiting.length >= this.#queue) throw this.#full();
      await this.#wait(places, signal);
    } else {
      this.#taken += places;
    }
    const since = performance.now();
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      this.#meanMs += NEWEST * (performance.now() - since - this.#meanMs);
      this.#taken -= places;
      this.#admit();
    };
  }

  #wait(places: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiting = {
        places,
        enter: () => {
          signal.removeEventListener('abort', leave);
          resolve();
        },
      };
      const leave = () => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        reject(signal.reason);
        // One that needed many places may have held up others.
        this.#admit();
      };
      this.#waiting.push(waiting);
      signal.addEventListener('abort', leave, { once: true });
    });
  }

  #admit(): void {
    for (
      let next = this.#waiting[0];
      next && this.#taken + next.places <= this.#places;
      next = this.#waiting[0]
    ) {
      this.#waiting.shift();
      this.#taken += next.places;
      next.enter();
    }
  }

  #full(): ApiError {
    const seconds = Math.ceil((this.#meanMs * (this.#waiting.length + 1)) / this.#places / 1000);
    const retryAfter = Math.min(Math.max(seconds, 1), 60);
    return new ApiError(
      429,
      'queue_full',
      `The server is busy and ${this.#waiting.length} requests wait already. Try again in about ${retryAfter} s.`,
      { retryAfter },
    );
  }
}
