/**
 * For tests of what is done *to* a cache: keys and values are made up, nothing is computed. Real models are run in
 * `test/`.
 */
import type { Engine, GenerateEvent, GenerateOptions, KvCache, ModelInfo, Slot } from '../engine/engine.ts';
import { DisposedError } from '../errors.ts';
import { byteTokenizer } from '../pairs/byte-tokenizer.test-support.ts';

export const memoryModel: ModelInfo = {
  name: 'memory',
  architecture: 'none',
  layers: 3,
  heads: 4,
  kvHeads: 2,
  headDim: 8,
  hidden: 32,
  vocabSize: byteTokenizer.vocabSize,
  contextLength: 2048,
  rope: { theta: 10_000, rotaryDim: 8 },
  fingerprint: 'f00d',
};

/** The un-rotated key or value [H, D] at a slot of a prompt. */
export type Content = (slot: Slot, tokens: readonly number[]) => Float32Array;

export class MemoryCache implements KvCache {
  length: number;
  readonly edits: { slot: Slot; delta: Float32Array }[] = [];
  readonly #content: (slot: Slot) => Float32Array;
  readonly #onDispose: () => void;
  #disposed = false;

  constructor(length: number, content: (slot: Slot) => Float32Array, onDispose = () => {}) {
    this.length = length;
    this.#content = content;
    this.#onDispose = onDispose;
  }

  async read(slot: Slot): Promise<Float32Array> {
    if (this.#disposed) throw new DisposedError('cache');
    const held = this.#content(slot).slice();
    for (const { slot: at, delta } of this.edits) {
      if (at.layer !== slot.layer || at.kind !== slot.kind || at.position !== slot.position) continue;
      for (let i = 0; i < held.length; i++) held[i]! += delta[i]!;
    }
    return held;
  }

  async add(slot: Slot, delta: Float32Array): Promise<void> {
    if (this.#disposed) throw new DisposedError('cache');
    this.edits.push({ slot, delta: delta.slice() });
  }

  async fork(): Promise<KvCache> {
    const copy = new MemoryCache(this.length, this.#content);
    copy.edits.push(...this.edits);
    return copy;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#disposed) this.#onDispose();
    this.#disposed = true;
  }
}

/** `answer`: what `generate` gives; `live` counts the caches that are not disposed of. */
export class MemoryEngine implements Engine {
  readonly model: ModelInfo;
  readonly capabilities = { engine: 'memory', precision: 'none', residualTaps: false, batching: false };
  readonly tokenizer = byteTokenizer;
  readonly prefilled: number[][] = [];
  readonly fed: GenerateOptions[] = [];
  readonly caches: MemoryCache[] = [];
  live = 0;
  answer: readonly GenerateEvent[] = [];
  readonly #content: Content;

  constructor(content: Content = () => new Float32Array(16), model: ModelInfo = memoryModel) {
    this.#content = content;
    this.model = model;
  }

  async prefill(tokens: readonly number[], { signal }: { signal?: AbortSignal } = {}) {
    signal?.throwIfAborted();
    // So that concurrent calls interleave, shorter prompts first.
    await new Promise((resolve) => setTimeout(resolve, tokens.length % 5));
    signal?.throwIfAborted();
    this.prefilled.push([...tokens]);
    this.live++;
    const cache = new MemoryCache(
      tokens.length,
      (slot) => this.#content(slot, tokens),
      () => this.live--,
    );
    this.caches.push(cache);
    return { cache, logits: new Float32Array(this.model.vocabSize) };
  }

  async *generate(_cache: KvCache, options: GenerateOptions): AsyncGenerator<GenerateEvent> {
    this.fed.push(options);
    for (const event of this.answer) {
      options.signal?.throwIfAborted();
      yield event;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
