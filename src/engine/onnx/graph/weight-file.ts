/** Appends tensors to the one file that the graphs refer to. */
import { type FileHandle, open } from 'node:fs/promises';
import type { WeightRef } from './graph-builder.ts';
import { type DataType, dataTypeBytes } from './onnx-proto.ts';

/** A cache line: what vector loads and memory maps want. */
const ALIGNMENT = 64;

export class WeightFile implements AsyncDisposable {
  readonly #handle: FileHandle;
  #end = 0;

  /** @throws if the file is there already. */
  static async create(path: string): Promise<WeightFile> {
    return new WeightFile(await open(path, 'wx'));
  }

  private constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  get bytes(): number {
    return this.#end;
  }

  /** A place for a tensor, to be filled by {@link fill}; gaps between places are zero. */
  reserve(type: DataType, dims: readonly number[]): WeightRef {
    const offset = Math.ceil(this.#end / ALIGNMENT) * ALIGNMENT;
    const length = dims.reduce((product, dim) => product * dim, 1) * dataTypeBytes[type];
    this.#end = offset + length;
    return { type, dims, offset, length };
  }

  /** Writes `data` into a reserved place, `at` bytes from its start. */
  async fill(ref: WeightRef, data: Uint8Array | Uint16Array | Float32Array, at = 0): Promise<void> {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    for (let done = 0; done < bytes.length; ) {
      const { bytesWritten } = await this.#handle.write(
        bytes,
        done,
        bytes.length - done,
        ref.offset + at + done,
      );
      done += bytesWritten;
    }
  }

  async add(
    type: DataType,
    dims: readonly number[],
    data: Uint8Array | Uint16Array | Float32Array,
  ): Promise<WeightRef> {
    const ref = this.reserve(type, dims);
    await this.fill(ref, data);
    return ref;
  }

  /** Flushes to disk: a rename must not come before the bytes. */
  async sync(): Promise<void> {
    await this.#handle.truncate(this.#end);
    await this.#handle.sync();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
  }
}
