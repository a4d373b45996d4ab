import { ContextOverflowError, DisposedError, InvalidArgumentError } from '../../errors.ts';
import {
  checkGenerateOptions,
  checkPrefixLength,
  checkResidual,
  checkTokens,
} from '../decode/generate-options.ts';
import { createSampler } from '../decode/sampling.ts';
import { createTextStream } from '../decode/text-stream.ts';
import type {
  Capabilities,
  Engine,
  GenerateEvent,
  GenerateOptions,
  KvCache,
  ModelInfo,
  Prefill,
  PrefillOptions,
  ResidualOffset,
  Tokenizer,
} from '../engine.ts';
import type { KvPrecision } from './kv-precision.ts';
import { OnnxKvCache, type RowCopy } from './onnx-kv-cache.ts';
import { type PoolRow, RowPool } from './row-pool.ts';
import { type DecodeRow, Scheduler } from './scheduler.ts';
import type { Session } from './session.ts';

export interface OnnxEngineParts {
  readonly model: ModelInfo;
  readonly capabilities: Capabilities;
  readonly tokenizer: Tokenizer;
  /** Opens the graph, with or without residual taps. */
  readonly openSession: (taps: boolean) => Promise<Session>;
  /** Bound on the bytes of all keys and values. */
  readonly kvCacheBytes: number;
  /** Of the graph that is opened. Default fp32. */
  readonly kvPrecision?: KvPrecision;
}

/** Tokens that a row decodes ahead of its consumer before it waits. */
const DECODE_AHEAD = 32;
/** Keys and values of so many bytes are copied in some milliseconds; more, in turns with the event loop. */
const COPIED_AT_ONCE = 8 * 2 ** 20;
/** Bound on one prefill's logits: they are [at.length, V]. */
const MAX_LOGITS_BYTES = 2 ** 30;

export class OnnxEngine implements Engine {
  readonly model: ModelInfo;
  readonly capabilities: Capabilities;
  readonly tokenizer: Tokenizer;
  readonly #pool: RowPool;
  readonly #scheduler: Scheduler;
  readonly #sessions = new Map<boolean, Promise<Session>>();
  #disposed = false;

  /** Opens the plain graph at once, so that a model that cannot run fails here. */
  static async open(parts: OnnxEngineParts): Promise<OnnxEngine> {
    return new OnnxEngine(parts, await parts.openSession(false));
  }

  private constructor(parts: OnnxEngineParts, session: Session) {
    this.model = parts.model;
    this.capabilities = parts.capabilities;
    this.tokenizer = parts.tokenizer;
    this.#pool = new RowPool(parts.model, parts.kvCacheBytes, parts.kvPrecision);
    this.#sessions.set(false, Promise.resolve(session));
    this.#scheduler = new Scheduler(parts.model, this.#pool, (taps) =>
      this.#session(taps, parts.openSession),
    );
  }

  async prefill(tokens: readonly number[], options: PrefillOptions = {}): Promise<Prefill> {
    this.#assertUsable();
    options.signal?.throwIfAborted();
    const prefix = options.prefix ? this.#own(options.prefix) : undefined;
    prefix?.assertIdle();
    checkTokens('tokens', tokens, this.model.vocabSize);
    if (tokens.length === 0) throw new InvalidArgumentError('tokens', 'A prefill needs at least one token.');
    const at = options.at ?? [tokens.length - 1];
    this.#checkAsked(at, tokens.length);
    const kept = checkPrefixLength(options.prefixLength, prefix?.length ?? 0);
    const needed = kept + tokens.length;
    if (needed > this.model.contextLength) throw new ContextOverflowError(needed, this.model.contextLength);
    const residual = this.#residual(checkResidual(options.residual ?? [], this.model));
    if (options.hidden) this.#assertTaps('hidden');

    const row = prefix ? await prefix.copyRow({ length: kept, room: needed }) : await this.#acquire(needed);
    try {
      const { logits, hidden } = await this.#scheduler.prefill({
        row,
        tokens,
        at,
        hidden: options.hidden ?? false,
        residual,
        signal: options.signal,
      });
      const cache = new OnnxKvCache(row, this, this.model, this.#pool);
      return { cache, logits, ...(hidden ? { hidden } : {}) };
    } catch (error) {
      await this.releaseRow(row);
      throw error;
    }
  }

  async *generate(cache: KvCache, options: GenerateOptions): AsyncGenerator<GenerateEvent, void, void> {
    this.#assertUsable();
    options.signal?.throwIfAborted();
    const kv = this.#own(cache);
    const checked = checkGenerateOptions(options, this.model, this.tokenizer);
    const needed = kv.length + options.feed.length;
    if (needed > this.model.contextLength) throw new ContextOverflowError(needed, this.model.contextLength);
    const residual = this.#residual(checked.residual);

    let leave: () => Promise<unknown> = async () => {};
    const free = kv.occupy(() => leave());
    let length = kv.length;
    try {
      if (options.feed.length > 1) {
        const tokens = options.feed.slice(0, -1);
        const feeding = this.#scheduler.prefill({
          row: kv.row,
          tokens,
          at: [],
          hidden: false,
          residual,
          signal: options.signal,
        });
        leave = () => feeding.catch(() => {});
        await feeding;
        if (kv.disposed) throw new DisposedError('KV cache');
        length = kv.row.length;
      }
      const maxTokens = Math.min(checked.maxTokens, this.model.contextLength - length);
      const sampler = createSampler(checked, this.model.vocabSize);
      const text = createTextStream(this.tokenizer, { stop: checked.stop });
      const produced: { event: GenerateEvent; length: number }[] = [];
      let failure: { error: unknown } | undefined;
      let arrived = () => {};
      let next: number | null = options.feed.at(-1)!;
      let generated = 0;

      const decode: DecodeRow = {
        row: kv.row,
        residual,
        next: () => (produced.length < DECODE_AHEAD ? next : null),
        onLogits: (logits) => {
          const { token, logprob } = sampler.next(logits);
          generated++;
          const ended = checked.eosTokenIds.includes(token);
          const put = (event: GenerateEvent) => produced.push({ event, length: kv.row.length });
          put({
            type: 'token',
            token,
            text: ended ? '' : text.push(token),
            ...(logprob === undefined ? {} : { logprob }),
          });
          next = token;
          if (ended || text.stopped || generated >= maxTokens) {
            next = null;
            const rest = text.finish();
            put({ type: 'finish', reason: text.stopped ? 'stop' : ended ? 'eos' : 'length', text: rest });
          }
          arrived();
        },
        onError: (error) => {
          failure = { error };
          arrived();
        },
      };
      leave = () => {
        decode.onError(new DisposedError('KV cache'));
        return this.#scheduler.leave(decode);
      };
      options.signal?.throwIfAborted();
      const onAbort = () => decode.onError(options.signal!.reason);
      options.signal?.addEventListener('abort', onAbort, { once: true });
      try {
        this.#scheduler.join(decode);
        while (true) {
          if (failure) throw failure.error;
          const item = produced.shift();
          if (!item) {
            await new Promise<void>((resolve) => {
              arrived = resolve;
            });
            continue;
          }
          length = item.length;
          if (produced.length === DECODE_AHEAD - 1) this.#scheduler.wake();
          yield item.event;
          if (item.event.type === 'finish') return;
        }
      } finally {
        options.signal?.removeEventListener('abort', onAbort);
        await this.#scheduler.leave(decode);
      }
    } finally {
      // what was decoded ahead of the consumer is forgotten
      kv.row.length = Math.min(kv.row.length, length);
      free();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    await this.#scheduler.dispose();
    const sessions = await Promise.allSettled(this.#sessions.values());
    for (const session of sessions) if (session.status === 'fulfilled') await session.value.dispose();
  }

  /** @internal Rows of the pool that prefills and caches hold. */
  get rowsInUse(): number {
    return this.#pool.rowsInUse;
  }

  /** @internal */
  async forkRow(from: PoolRow, { length = from.length, room = length }: RowCopy = {}): Promise<PoolRow> {
    const row = await this.#acquire(Math.max(room, length));
    if (length * this.#pool.bytesPerPosition <= COPIED_AT_ONCE) this.#pool.copy(from, row, length);
    else await this.#scheduler.lane.run(() => this.#pool.copyInTurns(from, row, length));
    return row;
  }

  /** @internal */
  async releaseRow(row: PoolRow): Promise<void> {
    await this.#scheduler.lane.run(() => {
      this.#pool.release(row);
      this.#pool.trim();
    });
  }

  async #acquire(positions: number): Promise<PoolRow> {
    this.#assertUsable();
    if (this.#pool.hasRoom(positions)) return this.#pool.acquire(positions);
    return this.#scheduler.lane.run(() => this.#pool.acquire(positions));
  }

  #session(taps: boolean, open: (taps: boolean) => Promise<Session>): Promise<Session> {
    this.#assertUsable();
    let session = this.#sessions.get(taps);
    if (!session) {
      session = open(taps);
      this.#sessions.set(taps, session);
      // a failed opening is tried anew next time
      session.catch(() => this.#sessions.delete(taps));
    }
    return session;
  }

  #assertUsable(): void {
    if (this.#disposed) throw new DisposedError('engine');
  }

  #own(cache: KvCache): OnnxKvCache {
    if (cache instanceof OnnxKvCache && cache.owner === this) {
      if (cache.disposed) throw new DisposedError('KV cache');
      return cache;
    }
    throw new InvalidArgumentError(
      'cache',
      'This KV cache was made by another engine. Prefill with this engine instead.',
    );
  }

  #checkAsked(at: readonly number[], length: number): void {
    at.forEach((position, i) => {
      if (
        !Number.isInteger(position) ||
        position < 0 ||
        position >= length ||
        (i > 0 && position <= at[i - 1]!)
      ) {
        throw new InvalidArgumentError(
          'at',
          `\`at\` holds ascending positions from 0 to ${length - 1}, but [${at.slice(0, 8).join(', ')}${at.length > 8 ? ', ...' : ''}] was given.`,
        );
      }
    });
    const bytes = at.length * this.model.vocabSize * Float32Array.BYTES_PER_ELEMENT;
    if (bytes > MAX_LOGITS_BYTES) {
      throw new InvalidArgumentError(
        'at',
        `Logits of ${at.length} positions take ${Math.round(bytes / 2 ** 20)} MiB; at most ${MAX_LOGITS_BYTES / 2 ** 20} MiB are given at once. Prefill in parts, with \`prefix\`.`,
      );
    }
  }

  #assertTaps(option: string): void {
    if (this.capabilities.residualTaps) return;
    throw new InvalidArgumentError(
      option,
      `\`${option}\` needs residual taps, which this model's graph lacks. Load the model from its GGUF or safetensors checkpoint.`,
    );
  }

  /** [L, C], or undefined where nothing is added. */
  #residual(offsets: readonly ResidualOffset[]): Float32Array | undefined {
    if (offsets.length === 0) return undefined;
    this.#assertTaps('residual');
    const { layers, hidden } = this.model;
    const sum = new Float32Array(layers * hidden);
    for (const { layer, offset } of offsets) {
      for (let c = 0; c < hidden; c++) sum[layer * hidden + c]! += offset[c]!;
    }
    return sum;
  }
}
