import type { Engine, KvCache } from '../engine/engine.ts';

interface Entry {
  readonly base: Promise<KvCache>;
  /** Forks still to be taken. */
  left: number;
  forking: Promise<unknown>;
}

/**
 * Prompts that are prefilled once for all that ask them: the first fork of a prompt pays, and the prompt's cache is given
 * back with its last. How often each is asked has to be said first.
 */
export class SharedPrefill implements AsyncDisposable {
  readonly #engine: Engine;
  readonly #asked = new Map<string, number>();
  readonly #entries = new Map<string, Entry>();
  readonly #beginnings = new Map<string, Entry>();
  #prefills = 0;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** Prompts prefilled so far. */
  get prefills(): number {
    return this.#prefills;
  }

  /** Announces one fork of `tokens`. */
  announce(tokens: readonly number[]): void {
    const key = tokens.join();
    const entry = this.#entries.get(key);
    if (entry !== undefined) entry.left++;
    else this.#asked.set(key, (this.#asked.get(key) ?? 0) + 1);
  }

  /**
   * A cache of the prompt that is the caller's own.
   *
   * @param begins how many of the first tokens other prompts begin with too, 0 for none: those are prefilled once for all, and
   * kept until the end. Whether others do ask plays no part, so the numbers are the same.
   * @throws what `Engine.prefill` throws, for each that asks.
   */
  async fork(tokens: readonly number[], begins: number, signal: AbortSignal): Promise<KvCache> {
    const key = tokens.join();
    let entry = this.#entries.get(key);
    if (entry === undefined) {
      const base = this.#prefill(tokens, begins, signal);
      base.catch(() => {});
      entry = { base, left: this.#asked.get(key) ?? 1, forking: base };
      this.#asked.delete(key);
      this.#entries.set(key, entry);
    }
    const { base } = entry;
    const isLast = --entry.left === 0;
    if (isLast) this.#entries.delete(key);
    // A cache is copied by one at a time; the last one needs no copy.
    const forked = entry.forking.then(async () => (isLast ? await base : await (await base).fork()));
    entry.forking = forked.catch(() => {});
    return await forked;
  }

  async #prefill(tokens: readonly number[], begins: number, signal: AbortSignal): Promise<KvCache> {
    this.#prefills++;
    if (begins === 0) return (await this.#engine.prefill(tokens, { signal })).cache;
    const key = tokens.slice(0, begins).join();
    let start = this.#beginnings.get(key);
    if (start === undefined) {
      const base = this.#engine.prefill(tokens.slice(0, begins), { signal }).then(({ cache }) => cache);
      base.catch(() => {});
      start = { base, left: Number.POSITIVE_INFINITY, forking: base };
      this.#beginnings.set(key, start);
    }
    const { base, forking } = start;
    const longer = forking.then(
      async () => (await this.#engine.prefill(tokens.slice(begins), { prefix: await base, signal })).cache,
    );
    start.forking = longer.catch(() => {});
    return await longer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const held = [...this.#entries.values(), ...this.#beginnings.values()];
    this.#entries.clear();
    this.#beginnings.clear();
    for (const { base, forking } of held) {
      await forking.catch(() => {});
      await base.then(
        (cache) => cache[Symbol.asyncDispose](),
        () => {},
      );
    }
  }
}
