/**
 * Keys and values of prompts that were read, kept for prompts that begin alike: a system message, a conversation's earlier
 * turns, the same question with another vector.
 *
 * What is kept is *clean*: an entry is a copy made right after a prefill, before anything can be steered, and a request only
 * ever gets a copy of an entry, never the entry. A vector added for one request can therefore not reach another.
 * Callers are kept apart as well (`owner`): whether a prompt was seen before shows in the answer's time and
 * usage, and that is nobody else's business.
 */
import type { Engine, KvCache } from '../../engine/engine.ts';
import { Exclusive } from '../../engine/onnx/exclusive.ts';
import { OutOfMemoryError } from '../../errors.ts';

interface Entry {
  readonly owner: string;
  readonly tokens: readonly number[];
  readonly cache: KvCache;
  /** Continuations copy the cache one at a time; its disposal waits for them. */
  readonly lane: Exclusive;
}

/** Fewer tokens are not worth a copy. */
const LEAST_SHARED = 16;
/** A step of one token rounds otherwise than a prompt's (see the engine's scheduler), so at least two are always computed. */
const LEAST_COMPUTED = 2;
/** Every step of the engine looks over the rows of its pool. */
const MOST_ENTRIES = 64;
/** A row of the engine's pool holds a multiple of so many positions. */
const POSITIONS_STEP = 256;

export interface PrefixStatistics {
  readonly entries: number;
  /** Estimated, as rows of the engine's pool. */
  readonly bytes: number;
}

export class PrefixCache {
  readonly #engine: Engine;
  readonly #budget: number;
  /** Least recently used first. */
  readonly #entries: Entry[] = [];
  /** All rows of the engine's pool are as long as the longest. */
  #longest = 0;
  #closed = false;

  /** @param budgetBytes of keys and values; 0 keeps nothing. */
  constructor(engine: Engine, budgetBytes: number) {
    this.#engine = engine;
    this.#budget = budgetBytes;
  }

  get statistics(): PrefixStatistics {
    return { entries: this.#entries.length, bytes: this.#entries.length * this.#rowBytes };
  }

  /**
   * The clean cache of `tokens`, for the caller to edit and dispose of, with as much of it as possible copied from an entry. It
   * comes out the same, bit for bit, whatever was copied.
   *
   * @returns `cachedTokens`: how many were copied. @throws as `Engine.prefill`.
   */
  async prefill(
    tokens: readonly number[],
    { owner, signal }: { readonly owner: string; readonly signal: AbortSignal },
  ): Promise<{ cache: KvCache; cachedTokens: number }> {
    const best = this.#best(tokens, owner);
    const kept = Math.min(best?.shared ?? 0, tokens.length - LEAST_COMPUTED);
    let hit = best !== undefined && kept >= LEAST_SHARED ? best.entry : undefined;
    const whole = () => this.#engine.prefill(tokens, { signal }).then((prefill) => prefill.cache);
    let cache: KvCache;
    try {
      cache = hit ? await this.#continue(hit, tokens, kept, signal) : await whole();
    } catch (error) {
      if (!(error instanceof OutOfMemoryError) || this.#entries.length === 0) throw error;
      // Entries go before an answer fails for want of memory.
      await this.clear();
      hit = undefined;
      cache = await whole();
    }
    try {
      if (hit) this.#touch(hit);
      await this.#keep(tokens, cache, owner);
    } catch (error) {
      await cache[Symbol.asyncDispose]();
      throw error;
    }
    return { cache, cachedTokens: hit ? kept : 0 };
  }

  /** Forgets everything: memory that an answer needs goes before. */
  async clear(): Promise<void> {
    await Promise.all(this.#entries.splice(0).map(dispose));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await this.clear();
  }

  /** The entry with the longest common beginning. */
  #best(tokens: readonly number[], owner: string): { entry: Entry; shared: number } | undefined {
    let best: { entry: Entry; shared: number } | undefined;
    for (const entry of this.#entries) {
      if (entry.owner !== owner) continue;
      const shared = commonLength(entry.tokens, tokens);
      if (best === undefined || shared > best.shared) best = { entry, shared };
    }
    return best;
  }

  async #continue(
    entry: Entry,
    tokens: readonly number[],
    kept: number,
    signal: AbortSignal,
  ): Promise<KvCache> {
    const work = entry.lane.run(async () => {
      const options = { prefix: entry.cache, prefixLength: kept, signal };
      return (await this.#engine.prefill(tokens.slice(kept), options)).cache;
    });
    // One that gives up while it waits for others must not wait on.
    const { promise: aborted, reject } = deferred();
    const onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    try {
      return await Promise.race([work, aborted]);
    } catch (error) {
      // Where both happen at once, the cache that came too late is given back.
      void work.then(
        (cache) => cache[Symbol.asyncDispose](),
        () => {},
      );
      throw error;
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** Keeps a copy, where it is new enough to be worth one. */
  async #keep(tokens: readonly number[], cache: KvCache, owner: string): Promise<void> {
    if (this.#closed || tokens.length < LEAST_SHARED + LEAST_COMPUTED) return;
    this.#longest = Math.max(this.#longest, tokens.length);
    if (this.#rowBytes > this.#budget) return;
    const known = this.#best(tokens, owner);
    if (known && tokens.length - known.shared < LEAST_SHARED) return;
    let copy: KvCache;
    try {
      copy = await cache.fork();
    } catch (error) {
      // The answer does not need the copy.
      if (error instanceof OutOfMemoryError) return;
      throw error;
    }
    if (this.#closed) {
      await copy[Symbol.asyncDispose]();
      return;
    }
    // An entry that the new one begins with has nothing left to say of its own.
    const within = (entry: Entry) =>
      entry.owner === owner && commonLength(entry.tokens, tokens) === entry.tokens.length;
    this.#entries.filter(within).forEach((entry) => {
      this.#forget(entry);
    });
    this.#entries.push({ owner, tokens: [...tokens], cache: copy, lane: new Exclusive() });
    const most = Math.min(MOST_ENTRIES, Math.floor(this.#budget / this.#rowBytes));
    while (this.#entries.length > most) this.#forget(this.#entries[0]!);
  }

  #touch(entry: Entry): void {
    const place = this.#entries.indexOf(entry);
    if (place >= 0) this.#entries.push(...this.#entries.splice(place, 1));
  }

  #forget(entry: Entry): void {
    this.#entries.splice(this.#entries.indexOf(entry), 1);
    void dispose(entry).catch(() => {});
  }

  get #rowBytes(): number {
    const { layers, kvHeads, headDim, contextLength } = this.#engine.model;
    const positions = Math.min(Math.ceil(this.#longest / POSITIONS_STEP) * POSITIONS_STEP, contextLength);
    return 2 * layers * kvHeads * headDim * Float32Array.BYTES_PER_ELEMENT * positions;
  }
}

function dispose({ lane, cache }: Entry): Promise<void> {
  return lane.run(async () => {
    await cache[Symbol.asyncDispose]();
  });
}

function commonLength(a: readonly number[], b: readonly number[]): number {
  const most = Math.min(a.length, b.length);
  let length = 0;
  while (length < most && a[length] === b[length]) length++;
  return length;
}

function deferred(): { promise: Promise<never>; reject: (reason: unknown) => void } {
  let reject = (_: unknown) => {};
  const promise = new Promise<never>((_, no) => {
    reject = no;
  });
  return { promise, reject };
}
