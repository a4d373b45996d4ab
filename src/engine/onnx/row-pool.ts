/**
 * The KV cache of all sequences of an engine: per layer one key and one value buffer [rows, H, capacity, D] that the
 * graph updates in place. A sequence owns a row; rows move when a batch needs neighbours, and the pool grows in steps
 * inside a stated memory budget. Moving and growing must not happen while a step runs: the engine sees to that.
 */
import { setImmediate as nextMacrotask } from 'node:timers/promises';
import { OutOfMemoryError } from '../../errors.ts';
import { allocateGrowable, resizeInPlace } from './allocate-floats.ts';
import { type KvBuffer, type KvPrecision, kvArrays } from './kv-precision.ts';

export interface PoolShape {
  readonly layers: number;
  readonly kvHeads: number;
  readonly headDim: number;
  /** No row ever needs more positions. */
  readonly contextLength: number;
}

/** A row, by identity; `index` changes when the pool rearranges. */
export interface PoolRow {
  index: number;
  /** Positions held. */
  length: number;
}

/** Capacity grows in multiples of this many positions. */
const CAPACITY_STEP = 256;
/** Positions a new row can take on beyond what it was asked for, so that an answer does not make the pool grow at once. */
const HEADROOM = 128;
/** Copying in turns holds up the event loop for about so long at a time. */
const COPYING_MS = 4;
/** Kept while no row is held. */
const KEPT_BYTES = 64 * 2 ** 20;

export class RowPool {
  readonly shape: PoolShape;
  readonly budgetBytes: number;
  readonly precision: KvPrecision;
  /** L buffers of [rows, H, capacity, D]. They lengthen in place when rows are added, and are replaced when the capacity grows. */
  keys: KvBuffer[] = [];
  values: KvBuffer[] = [];
  #owners: (PoolRow | null)[] = [];
  #capacity = 0;

  constructor(shape: PoolShape, budgetBytes: number, precision: KvPrecision = 'fp32') {
    this.shape = shape;
    this.budgetBytes = budgetBytes;
    this.precision = precision;
  }

  get rows(): number {
    return this.#owners.length;
  }

  /** Positions a row can hold at present. */
  get capacity(): number {
    return this.#capacity;
  }

  get rowsInUse(): number {
    return this.#owners.reduce((n, owner) => n + (owner ? 1 : 0), 0);
  }

  /** Bytes of keys and values of one position: 2 * L * H * D * (4, or 2 in fp16). */
  get bytesPerPosition(): number {
    const { layers, kvHeads, headDim } = this.shape;
    return 2 * layers * kvHeads * headDim * this.#bytesPerNumber;
  }

  get #bytesPerNumber(): number {
    return kvArrays[this.precision].BYTES_PER_ELEMENT;
  }

  get bytes(): number {
    return this.rows * this.#capacity * this.bytesPerPosition;
  }

  /** Numbers of one row in one buffer: H * capacity * D. */
  get rowStride(): number {
    return this.shape.kvHeads * this.#capacity * this.shape.headDim;
  }

  /** Whether a row of `positions` is there without growing (growing has to wait for the step in flight). */
  hasRoom(positions: number): boolean {
    return positions <= this.#capacity && this.#owners.includes(null);
  }

  /** @throws OutOfMemoryError when the budget or the machine does not allow it; nothing changes then. */
  acquire(positions: number): PoolRow {
    const free = this.#owners.indexOf(null);
    if (free < 0 || positions > this.#capacity) this.#grow(positions);
    const row: PoolRow = { index: this.#owners.indexOf(null), length: 0 };
    this.#owners[row.index] = row;
    return row;
  }

  release(row: PoolRow): void {
    if (this.#owners[row.index] !== row) return;
    this.#owners[row.index] = null;
    row.length = 0;
  }

  /**
   * Gives memory back when nothing is held, unless it is little: pages that are there already cost the next prompt nothing.
   * Must not be called while a step runs.
   */
  trim(): void {
    if (this.rowsInUse > 0 || this.bytes <= KEPT_BYTES) return;
    this.keys = [];
    this.values = [];
    this.#owners = [];
    this.#capacity = 0;
  }

  /** Makes every row able to hold `positions`. @throws OutOfMemoryError */
  reserve(positions: number): void {
    if (positions > this.#capacity) this.#resize(this.rowsInUse, positions);
  }

  /** The first `length` positions of `from` become what `to` holds. */
  copy(from: PoolRow, to: PoolRow, length: number = from.length): void {
    for (let layer = 0; layer < this.shape.layers; layer++) this.#copyLayer(layer, from, to, length);
    to.length = length;
  }

  #copyLayer(layer: number, from: PoolRow, to: PoolRow, length: number): void {
    this.#forEachHead([layer], length, (buffer, head, numbers) => {
      const source = from.index * this.rowStride + head;
      buffer.copyWithin(to.index * this.rowStride + head, source, source + numbers);
    });
  }

  /**
   * {@link copy}, with a turn for the event loop every so often: a long prompt's keys and values take tens of milliseconds.
   * No row may move and the pool may not grow until it is done.
   */
  async copyInTurns(from: PoolRow, to: PoolRow, length: number): Promise<void> {
    let since = performance.now();
    for (let layer = 0; layer < this.shape.layers; layer++) {
      if (performance.now() - since > COPYING_MS) {
        await nextMacrotask();
        since = performance.now();
      }
      this.#copyLayer(layer, from, to, length);
    }
    to.length = length;
  }

  /** Moves rows so that `batch` is contiguous, in any order; returns the first index. */
  makeContiguous(batch: readonly PoolRow[]): number {
    const members = new Set(batch);
    let first = 0;
    let best = -1;
    for (let start = 0; best < batch.length && start + batch.length <= this.rows; start++) {
      let inside = 0;
      for (let i = start; i < start + batch.length; i++) if (members.has(this.#owners[i]!)) inside++;
      if (inside > best) [first, best] = [start, inside];
    }
    const inWindow = (index: number) => index >= first && index < first + batch.length;
    const outside = batch.filter((row) => !inWindow(row.index));
    for (let i = first; outside.length > 0; i++) {
      if (!members.has(this.#owners[i]!)) this.#swap(outside.pop()!.index, i);
    }
    return first;
  }

  /** Offset in a layer's buffer of one head's vector at `position`: D floats from there. */
  offset(row: PoolRow, head: number, position: number): number {
    return row.index * this.rowStride + (head * this.#capacity + position) * this.shape.headDim;
  }

  #swap(a: number, b: number): void {
    const [rowA, rowB] = [this.#owners[a] ?? null, this.#owners[b] ?? null];
    const stride = this.rowStride;
    const length = Math.max(rowA?.length ?? 0, rowB?.length ?? 0);
    const spare = new kvArrays[this.precision](length * this.shape.headDim);
    this.#forEachHead(this.keys.keys(), length, (buffer, head, numbers) => {
      const [inA, inB] = [a * stride + head, b * stride + head];
      spare.set(buffer.subarray(inA, inA + numbers));
      buffer.copyWithin(inA, inB, inB + numbers);
      buffer.set(spare, inB);
    });
    this.#owners[a] = rowB;
    this.#owners[b] = rowA;
    if (rowA) rowA.index = b;
    if (rowB) rowB.index = a;
  }

  /** Visits each head's leading `length` positions in the buffers of `layers`. */
  #forEachHead(
    layers: Iterable<number>,
    length: number,
    visit: (buffer: KvBuffer, headOffset: number, numbers: number) => void,
  ): void {
    const { kvHeads, headDim } = this.shape;
    for (const layer of layers) {
      for (const buffer of [this.keys[layer]!, this.values[layer]!]) {
        for (let h = 0; h < kvHeads; h++) visit(buffer, h * this.#capacity * headDim, length * headDim);
      }
    }
  }

  /** One row more than are held, with headroom where the budget allows it. */
  #grow(positions: number): void {
    if (positions <= this.#capacity) {
      this.#resize(this.rows + 1, this.#capacity);
      return;
    }
    const rows = this.rowsInUse + 1;
    const wanted = Math.min(positions + HEADROOM, this.shape.contextLength);
    const fits = rows * this.#roundUp(wanted) * this.bytesPerPosition <= this.budgetBytes;
    this.#resize(rows, fits ? wanted : positions);
  }

  #roundUp(positions: number): number {
    return Math.min(Math.ceil(positions / CAPACITY_STEP) * CAPACITY_STEP, this.shape.contextLength);
  }

  /** Lengthens the buffers where they lie: nothing is copied, no view moves. False where they cannot be that long. */
  #extend(numbers: number, wanted: string): boolean {
    const buffers = [...this.keys, ...this.values];
    if (buffers.length === 0 || !buffers.every((buffer) => inPlace(buffer, numbers))) return false;
    for (const buffer of buffers) resizeInPlace(buffer, numbers, wanted);
    return true;
  }

  /** Rows are only added, at the same capacity; at another, `rows` are all there will be, and those held move together. */
  #resize(rows: number, positions: number): void {
    const { layers, kvHeads, headDim } = this.shape;
    const capacity = this.#roundUp(positions);
    const wanted = `${rows} sequences of up to ${capacity} positions`;
    const bytes = rows * capacity * this.bytesPerPosition;
    if (bytes > this.budgetBytes) {
      throw new OutOfMemoryError(
        bytes,
        this.budgetBytes,
        `The KV cache's budget is ${megabytes(this.budgetBytes)}, but ${wanted} need ${megabytes(bytes)}. ` +
          'Dispose caches that are no longer used, run fewer at once, or raise `kvCacheBytes`.',
      );
    }
    const numbers = rows * kvHeads * capacity * headDim;
    if (capacity === this.#capacity && this.#extend(numbers, wanted)) {
      while (this.#owners.length < rows) this.#owners.push(null);
      return;
    }
    const old = { capacity: this.#capacity, stride: this.rowStride };
    const held = this.#owners.filter((owner) => owner !== null);
    // as many rows as the budget allows can join later without a copy
    const most = Math.floor(this.budgetBytes / (2 * layers * this.#bytesPerNumber));
    const grow = (buffer: KvBuffer | undefined): KvBuffer => {
      const grown = allocateGrowable(this.precision, numbers, Math.max(numbers, most), wanted);
      if (!buffer) return grown;
      for (const [index, owner] of held.entries()) {
        for (let h = 0; h < kvHeads; h++) {
          const from = owner.index * old.stride + h * old.capacity * headDim;
          grown.set(
            buffer.subarray(from, from + owner.length * headDim),
            (index * kvHeads + h) * capacity * headDim,
          );
        }
      }
      return grown;
    };
    const each = Array.from({ length: layers }, (_, l) => l);
    const keys = each.map((l) => grow(this.keys[l]));
    const values = each.map((l) => grow(this.values[l]));
    this.keys = keys;
    this.values = values;
    this.#capacity = capacity;
    this.#owners = Array.from({ length: rows }, (_, index) => held[index] ?? null);
    for (const [index, owner] of held.entries()) owner.index = index;
  }
}

function inPlace(buffer: KvBuffer, numbers: number): boolean {
  const { resizable, maxByteLength } = buffer.buffer as ArrayBuffer;
  return resizable && maxByteLength >= numbers * buffer.BYTES_PER_ELEMENT;
}

const megabytes = (bytes: number) => `${Math.round(bytes / 2 ** 20)} MiB`;
