/**
 * A spending cap in tokens. What a request may cost is reserved before it is sent, so the cap is kept whatever comes back;
 * one that does not fit waits until those that are under way have settled for less.
 */
export class TokenBudget {
  readonly #cap: number;
  #spent: number;
  #reserved = 0;
  #waiting: (() => void)[] = [];

  /** @param cap Infinity: none. @param spent by the runs before. */
  constructor(cap: number, spent: number) {
    this.#cap = cap;
    this.#spent = spent;
  }

  /** Charged so far, answers that never came included. */
  get spent(): number {
    return this.#spent;
  }

  /** False where the tokens will never fit. @throws the signal's reason. */
  async reserve(tokens: number, signal: AbortSignal): Promise<boolean> {
    for (;;) {
      signal.throwIfAborted();
      if (this.#spent + this.#reserved + tokens <= this.#cap) break;
      if (this.#reserved === 0) return false;
      await this.#settled(signal);
    }
    this.#reserved += tokens;
    return true;
  }

  /** Exchanges a reservation for what it came to. */
  settle(reserved: number, used: number): void {
    this.#reserved -= reserved;
    this.#spent += used;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const go of waiting) go();
  }

  #settled(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const go = () => {
        signal.removeEventListener('abort', go);
        resolve();
      };
      signal.addEventListener('abort', go, { once: true });
      this.#waiting.push(go);
    });
  }
}

/**
 * Tokens that a request's prompt cannot exceed: a byte-level tokenizer makes at most one token of a byte, and a chat template
 * adds a few per message and a preamble.
 */
export function promptTokenBound(messages: readonly { readonly content: string }[]): number {
  const bytes = messages.reduce((sum, { content }) => sum + Buffer.byteLength(content), 0);
  return bytes + 16 * messages.length + 128;
}
