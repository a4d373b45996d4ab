/**
 * Divides time among works that share one engine: while n are under way each is charged 1/n of it. The sum over all is the
 * time that passed, so means per condition say what an answer cost in the batch.
 */
export class ShareClock {
  readonly #now: () => number;
  /** Time that a work charged from the beginning would have been charged by now. */
  #charged = 0;
  #under = 0;
  #last = 0;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** @returns ends the work and gives its share, ms. */
  start(): () => number {
    this.#advance();
    this.#under++;
    const from = this.#charged;
    return () => {
      this.#advance();
      this.#under--;
      return this.#charged - from;
    };
  }

  #advance(): void {
    const now = this.#now();
    if (this.#under > 0) this.#charged += (now - this.#last) / this.#under;
    this.#last = now;
  }
}
