import { DisposedError, InvalidArgumentError } from '../../errors.ts';
import { float16ToFloat32, float32ToFloat16 } from '../../tensor/float16.ts';
import { rotateHeads, unrotateHeads } from '../../tensor/rope.ts';
import type { KvCache, ModelInfo, Slot } from '../engine.ts';
import type { KvBuffer } from './kv-precision.ts';
import type { PoolRow, RowPool } from './row-pool.ts';

export interface RowCopy {
  /** Leading positions to copy; default all. */
  readonly length?: number;
  /** Positions that the copy shall be able to hold; default: as many as are copied. */
  readonly room?: number;
}

/** What a cache needs of its engine: both wait for the step in flight. */
export interface RowOwner {
  forkRow(row: PoolRow, copy?: RowCopy): Promise<PoolRow>;
  releaseRow(row: PoolRow): Promise<void>;
}

/** One row of the pool. Keys lie there rotated; they are rotated and un-rotated at this border. */
export class OnnxKvCache implements KvCache {
  readonly row: PoolRow;
  /** The engine whose pool the row is in. */
  readonly owner: RowOwner;
  readonly #model: ModelInfo;
  readonly #pool: RowPool;
  #disposed = false;
  /** Of what uses the row now: resolves once it has left the row. */
  #leave: (() => Promise<unknown>) | undefined;

  constructor(row: PoolRow, owner: RowOwner, model: ModelInfo, pool: RowPool) {
    this.row = row;
    this.owner = owner;
    this.#model = model;
    this.#pool = pool;
  }

  get length(): number {
    return this.row.length;
  }

  async read(slot: Slot): Promise<Float32Array> {
    this.assertIdle();
    const { kvHeads, headDim } = this.#model;
    const buffer = this.#buffer(slot);
    const heads = new Float32Array(kvHeads * headDim); // [H, D]
    for (let h = 0; h < kvHeads; h++) {
      const from = this.#pool.offset(this.row, h, slot.position);
      const head = buffer.subarray(from, from + headDim);
      heads.set(head instanceof Uint16Array ? float16ToFloat32(head) : head, h * headDim);
    }
    if (slot.kind === 'key') unrotateHeads(heads, headDim, slot.position, this.#model.rope);
    return heads;
  }

  async add(slot: Slot, delta: Float32Array): Promise<void> {
    this.assertIdle();
    const { kvHeads, headDim } = this.#model;
    const buffer = this.#buffer(slot);
    if (delta.length !== kvHeads * headDim) {
      throw new InvalidArgumentError(
        'delta',
        `A delta holds ${kvHeads} x ${headDim} = ${kvHeads * headDim} numbers (KV heads x head_dim), but ${delta.length} were given.`,
      );
    }
    let rotated = delta; // [H, D]
    if (slot.kind === 'key') {
      rotated = delta.slice();
      rotateHeads(rotated, headDim, slot.position, this.#model.rope);
    }
    if (buffer instanceof Uint16Array) {
      this.#addToHalves(buffer, slot, rotated);
      return;
    }
    for (let h = 0; h < kvHeads; h++) {
      const to = this.#pool.offset(this.row, h, slot.position);
      for (let d = 0; d < headDim; d++) buffer[to + d]! += rotated[h * headDim + d]!;
    }
  }

  /** Sums in float32, rounded to the nearest float16 once; all or nothing. */
  #addToHalves(buffer: Uint16Array, { position }: Slot, delta: Float32Array): void {
    const { kvHeads, headDim } = this.#model;
    const place = (h: number) => {
      const at = this.#pool.offset(this.row, h, position);
      return buffer.subarray(at, at + headDim);
    };
    const sums = new Float32Array(kvHeads * headDim); // [H, D]
    for (let h = 0; h < kvHeads; h++)
      float16ToFloat32(place(h), sums.subarray(h * headDim, (h + 1) * headDim));
    for (let i = 0; i < sums.length; i++) sums[i]! += delta[i]!;
    const halves = float32ToFloat16(sums);
    if (halves.some((half) => (half & 0x7c00) === 0x7c00)) {
      throw new InvalidArgumentError(
        'delta',
        'The edit takes a key or value past 65,504, the largest float16. Use smaller coefficients, or load the model with kvPrecision fp32.',
      );
    }
    for (let h = 0; h < kvHeads; h++) place(h).set(halves.subarray(h * headDim, (h + 1) * headDim));
  }

  async fork(): Promise<KvCache> {
    return new OnnxKvCache(await this.copyRow(), this.owner, this.#model, this.#pool);
  }

  async copyRow(part?: RowCopy): Promise<PoolRow> {
    this.assertIdle();
    const copy = this.owner.forkRow(this.row, part);
    const free = this.occupy(() => copy.catch(() => {}));
    try {
      return await copy;
    } finally {
      free();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    // a row that was given back while a step writes to it would be another sequence's
    await this.#leave?.();
    await this.owner.releaseRow(this.row);
  }

  get disposed(): boolean {
    return this.#disposed;
  }

  /**
   * Marks the cache as in use; the result ends that.
   *
   * @param leave ends the use when the cache is disposed meanwhile; resolves once nothing touches the row any more.
   */
  occupy(leave: () => Promise<unknown>): () => void {
    this.assertIdle();
    this.#leave = leave;
    return () => {
      this.#leave = undefined;
    };
  }

  assertIdle(): void {
    if (this.#disposed) throw new DisposedError('KV cache');
    if (this.#leave) {
      throw new InvalidArgumentError(
        'cache',
        'This KV cache is being generated from. Wait for that to end, or fork the cache before.',
      );
    }
  }

  #buffer({ layer, kind, position }: Slot): KvBuffer {
    const { layers } = this.#model;
    if (!Number.isInteger(layer) || layer < 0 || layer >= layers) {
      throw new InvalidArgumentError(
        'slot',
        `The model has layers 0 to ${layers - 1}, but layer ${layer} was named.`,
      );
    }
    if (!Number.isInteger(position) || position < 0 || position >= this.length) {
      throw new InvalidArgumentError(
        'slot',
        `The cache holds positions 0 to ${this.length - 1}, but position ${position} was named.`,
      );
    }
    return (kind === 'key' ? this.#pool.keys : this.#pool.values)[layer]!;
  }
}
