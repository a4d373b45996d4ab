/**
 * Shares one session among all sequences: prompts prefill in chunks, and between chunks every live row decodes one
 * token in a common step (continuous batching). Rows join and leave between steps.
 */
import { setImmediate as nextMacrotask } from 'node:timers/promises';
import { DisposedError } from '../../errors.ts';
import { allocateFloats } from './allocate-floats.ts';
import { Exclusive } from './exclusive.ts';
import type { PoolRow, RowPool } from './row-pool.ts';
import type { Session, StepResult } from './session.ts';

/** Prompt tokens a step; a long prompt delays running rows by one such step at a time. */
const PREFILL_CHUNK = 256;
/** Sampling holds up the event loop for about so long at a time. */
const SAMPLING_MS = 5;
/** A shorter common prefix is not worth the copy of its keys and values. */
const SHARED_PREFIX = 16;

export interface PrefillJob {
  readonly row: PoolRow;
  readonly tokens: readonly number[];
  /** Ascending positions of `tokens` whose logits are wanted. */
  readonly at: readonly number[];
  readonly hidden: boolean;
  /** [L, C] */
  readonly residual: Float32Array | undefined;
  readonly signal: AbortSignal | undefined;
}

export interface PrefillOutput {
  /** [at.length, V] */
  readonly logits: Float32Array;
  /** [L, at.length, C], where asked for */
  readonly hidden: Float32Array | undefined;
}

export interface DecodeRow {
  readonly row: PoolRow;
  /** [L, C] */
  readonly residual: Float32Array | undefined;
  /** The token to feed next, or null while the row waits for its consumer. */
  next(): number | null;
  /** [V], valid during the call. */
  onLogits(logits: Float32Array): void;
  onError(error: unknown): void;
}

export interface SchedulerModel {
  readonly layers: number;
  readonly hidden: number;
  readonly vocabSize: number;
}

interface PendingPrefill {
  readonly job: PrefillJob;
  /** Positions that the row held before. */
  readonly start: number;
  resolve(output: PrefillOutput): void;
  reject(error: unknown): void;
}

export class Scheduler {
  readonly lane = new Exclusive();
  readonly #model: SchedulerModel;
  readonly #pool: RowPool;
  /** `taps` asks for the graph with residual taps. */
  readonly #session: (taps: boolean) => Promise<Session>;
  readonly #prefills: PendingPrefill[] = [];
  readonly #rows = new Set<DecodeRow>();
  #inFlight: Promise<unknown> | undefined;
  #pumping = false;
  #disposed = false;

  constructor(model: SchedulerModel, pool: RowPool, session: (taps: boolean) => Promise<Session>) {
    this.#model = model;
    this.#pool = pool;
    this.#session = session;
  }

  /** Appends `tokens` to the row. On failure the row keeps the positions of the chunks that were done. */
  async prefill(job: PrefillJob): Promise<PrefillOutput> {
    let stopWaiting = () => {};
    try {
      return await new Promise((resolve, reject) => {
        const pending: PendingPrefill = { job, start: job.row.length, resolve, reject };
        this.#prefills.push(pending);
        // one that runs looks at its signal between chunks
        stopWaiting = () => {
          const place = this.#prefills.indexOf(pending);
          if (place < 0) return;
          this.#prefills.splice(place, 1);
          reject(job.signal!.reason);
        };
        job.signal?.addEventListener('abort', stopWaiting, { once: true });
        this.wake();
      });
    } finally {
      job.signal?.removeEventListener('abort', stopWaiting);
    }
  }

  join(row: DecodeRow): void {
    this.#rows.add(row);
    this.wake();
  }

  /** Resolves once no step touches the row any more. */
  async leave(row: DecodeRow): Promise<void> {
    this.#rows.delete(row);
    await this.#inFlight;
  }

  /** To be called when a waiting row has a token to feed again. */
  wake(): void {
    if (!this.#pumping) void this.#pump();
  }

  async dispose(): Promise<void> {
    this.#disposed = true;
    const error = new DisposedError('engine');
    for (const { reject } of this.#prefills.splice(0)) reject(error);
    for (const row of this.#rows) row.onError(error);
    this.#rows.clear();
    await this.lane.run(() => {});
  }

  async #pump(): Promise<void> {
    this.#pumping = true;
    try {
      while (!this.#disposed) {
        const prefill = this.#prefills.shift();
        if (prefill) await this.#prefill(prefill);
        const decoded = await this.#decodeAll();
        if (!prefill && !decoded) break;
        // timers, aborts and sockets get their turn between steps
        await nextMacrotask();
      }
    } finally {
      this.#pumping = false;
    }
  }

  /** One whole prompt, with a decode step of the live rows after each of its chunks. */
  async #prefill(pending: PendingPrefill): Promise<void> {
    const { job, start, resolve, reject } = pending;
    const { layers, hidden, vocabSize } = this.#model;
    let found = 0;
    try {
      const asked = `${job.at.length} positions`;
      const logits = allocateFloats(job.at.length * vocabSize, `the logits of ${asked}`);
      const states = job.hidden
        ? allocateFloats(layers * job.at.length * hidden, `the hidden states of ${asked}`)
        : undefined;
      for (let from = job.row.length - start; from < job.tokens.length; ) {
        job.signal?.throwIfAborted();
        if (this.#disposed) throw new DisposedError('engine');
        const tokens = job.tokens.slice(from, from + chunkLength(job.tokens.length - from));
        const at = job.at.filter((t) => t >= from && t < from + tokens.length).map((t) => t - from);
        await this.#step(
          () => {
            this.#pool.reserve(job.row.length + tokens.length);
            return {
              firstRow: job.row.index,
              tokens,
              totals: [job.row.length + tokens.length],
              logitsAt: at,
              ...(job.residual ? { residual: job.residual } : {}),
              hidden: job.hidden,
            };
          },
          job.hidden || job.residual !== undefined,
          (result) => {
            job.row.length += tokens.length;
            logits.set(result.logits.subarray(0, at.length * vocabSize), found * vocabSize);
            for (let l = 0; states && l < layers; l++) {
              const layer = result.hidden!.subarray(l * at.length * hidden, (l + 1) * at.length * hidden);
              states.set(layer, (l * job.at.length + found) * hidden);
            }
            found += at.length;
          },
        );
        from += tokens.length;
        if (from < job.tokens.length && (await this.#decodeAll())) await nextMacrotask();
      }
      this.#sharePrefix(pending);
      resolve({ logits, hidden: states });
    } catch (error) {
      reject(error);
    }
  }

  /**
   * Gives the beginning of a finished prompt to prompts that wait and begin alike, so that it is computed once. At least two
   * tokens are left to each: a step of one token takes other kernels, which round otherwise, and whatever else
   * is running, a prompt must come out the same, bit for bit.
   */
  #sharePrefix({ job, start }: PendingPrefill): void {
    if (start > 0 || job.residual) return;
    for (const { job: other, start: otherStart } of this.#prefills) {
      if (otherStart > 0 || other.residual) continue;
      const most = Math.min(
        job.tokens.length,
        other.tokens.length - 2,
        other.at[0] ?? Number.POSITIVE_INFINITY,
      );
      let common = 0;
      while (common < most && job.tokens[common] === other.tokens[common]) common++;
      if (common >= SHARED_PREFIX && common > other.row.length) this.#pool.copy(job.row, other.row, common);
    }
  }

  /** One token for every row that has one to feed; false when none had. */
  async #decodeAll(): Promise<boolean> {
    const ready: { row: DecodeRow; token: number }[] = [];
    for (const row of this.#rows) {
      const token = row.next();
      if (token !== null) ready.push({ row, token });
    }
    if (ready.length === 0) return false;
    const taps = ready.some(({ row }) => row.residual !== undefined);
    try {
      const { maxRows } = await this.#session(taps);
      for (let i = 0; i < ready.length; i += maxRows) await this.#decode(ready.slice(i, i + maxRows), taps);
    } catch (error) {
      for (const { row } of ready) this.#fail(row, error);
    }
    return true;
  }

  #fail(row: DecodeRow, error: unknown): void {
    if (this.#rows.delete(row)) row.onError(error);
  }

  async #decode(batch: { row: DecodeRow; token: number }[], taps: boolean): Promise<void> {
    const { layers, hidden, vocabSize } = this.#model;
    let members = batch;
    await this.#step(
      () => {
        members = batch.filter(({ row }) => this.#rows.has(row) && this.#hasRoomForOne(row));
        if (members.length === 0) return null;
        const firstRow = this.#pool.makeContiguous(members.map(({ row }) => row.row));
        members.sort((a, b) => a.row.row.index - b.row.row.index);
        const residual = taps ? new Float32Array(layers * members.length * hidden) : undefined;
        members.forEach(({ row }, b) => {
          for (let l = 0; row.residual && l < layers; l++) {
            residual!.set(
              row.residual.subarray(l * hidden, (l + 1) * hidden),
              (l * members.length + b) * hidden,
            );
          }
        });
        return {
          firstRow,
          tokens: members.map(({ token }) => token),
          totals: members.map(({ row }) => row.row.length + 1),
          logitsAt: members.map((_, b) => b),
          ...(residual ? { residual } : {}),
        };
      },
      taps,
      async (result) => {
        for (const { row } of members) row.row.length++;
        let since = performance.now();
        for (const [b, { row }] of members.entries()) {
          // sampling from a large vocabulary takes a millisecond or two a row
          if (performance.now() - since > SAMPLING_MS) {
            await nextMacrotask();
            since = performance.now();
          }
          if (!this.#rows.has(row)) continue;
          try {
            row.onLogits(result.logits.subarray(b * vocabSize, (b + 1) * vocabSize));
          } catch (error) {
            this.#fail(row, error);
          }
        }
      },
    );
  }

  /** A row that the budget has no room for fails alone. */
  #hasRoomForOne(row: DecodeRow): boolean {
    try {
      this.#pool.reserve(row.row.length + 1);
      return true;
    } catch (error) {
      this.#fail(row, error);
      return false;
    }
  }

  /** `prepare` runs in the lane, when no other step does: there rows may move and the pool may grow. */
  async #step(
    prepare: () => Omit<Parameters<Session['step']>[0], 'pool'> | null,
    taps: boolean,
    done: (result: StepResult) => void | Promise<void>,
  ): Promise<void> {
    const session = await this.#session(taps);
    const work = this.lane.run(async () => {
      const step = prepare();
      if (step) await done(await session.step({ ...step, pool: this.#pool }));
    });
    this.#inFlight = work.catch(() => {});
    await work;
  }
}

/**
 * Tokens of the next chunk. ONNX Runtime's CPU kernels take rows in blocks of 64; a row left alone goes through a kernel that
 * rounds otherwise. So no chunk has 64 k + 1 tokens where that can be helped: then a prompt's logits do not depend on
 * where it was cut (0 differences in 1,914 ways to cut prompts of 20 to 700 tokens).
 */
function chunkLength(left: number): number {
  let length = Math.min(left, PREFILL_CHUNK);
  while (length > 2 && (length % 64 === 1 || left - length === 1)) length--;
  return length;
}
