/** A checkpoint over open files: where each tensor lies is known, and bytes are read on demand. */
import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { InvalidArgumentError, InvalidFileError } from '../../../errors.ts';
import type { Checkpoint, CheckpointConfig, CheckpointTensor, FingerprintOptions } from './checkpoint.ts';

export interface OpenFile {
  readonly path: string;
  readonly handle: FileHandle;
}

/** A tensor and its place. */
export interface StoredTensor extends CheckpointTensor {
  readonly file: OpenFile;
  readonly offset: number;
  /** Set where the file interleaves the rotary pairs of each head's rows: the head size D. */
  readonly interleavedHead?: number;
}

/** A tensor as the fingerprint sees it: everything in the file that is not derived from the rest. */
export interface HashedTensor {
  readonly storedName: string;
  readonly type: string;
  readonly shape: readonly number[];
  readonly file: OpenFile;
  readonly offset: number;
  readonly byteLength: number;
}

const CHUNK_BYTES = 4 * 2 ** 20;

export interface StoredCheckpointParts {
  readonly path: string;
  readonly format: 'gguf' | 'safetensors';
  readonly config: CheckpointConfig;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  readonly hashed: readonly HashedTensor[];
  readonly files: readonly OpenFile[];
  readonly ggufMetadata?: Readonly<Record<string, unknown>>;
}

export class StoredCheckpoint implements Checkpoint {
  readonly path: string;
  readonly format: 'gguf' | 'safetensors';
  readonly config: CheckpointConfig;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  readonly ggufMetadata?: Readonly<Record<string, unknown>>;
  readonly #hashed: readonly HashedTensor[];
  readonly #files: readonly OpenFile[];
  #fingerprint: string | undefined;

  constructor(parts: StoredCheckpointParts) {
    this.path = parts.path;
    this.format = parts.format;
    this.config = parts.config;
    this.tensors = parts.tensors;
    if (parts.ggufMetadata) this.ggufMetadata = parts.ggufMetadata;
    this.#hashed = parts.hashed;
    this.#files = parts.files;
  }

  async read(name: string): Promise<Uint8Array<ArrayBuffer>> {
    return this.readRows(name, 0, this.#tensor(name).shape[0]!);
  }

  async readRows(name: string, first: number, count: number): Promise<Uint8Array<ArrayBuffer>> {
    const tensor = this.#tensor(name);
    const rows = tensor.shape[0]!;
    if (
      !Number.isInteger(first) ||
      !Number.isInteger(count) ||
      first < 0 ||
      count < 0 ||
      first + count > rows
    ) {
      throw new InvalidArgumentError(
        'first',
        `${name} has ${rows} rows, but rows ${first} to ${first + count - 1} were asked for.`,
      );
    }
    const rowBytes = tensor.byteLength / rows;
    const head = tensor.interleavedHead;
    if (head === undefined) return readRange(tensor.file, tensor.offset + first * rowBytes, count * rowBytes);
    // whole heads, because the order of rows changes within a head
    const from = Math.floor(first / head) * head;
    const to = Math.ceil((first + count) / head) * head;
    const bytes = await readRange(tensor.file, tensor.offset + from * rowBytes, (to - from) * rowBytes);
    const ordered = new Uint8Array(count * rowBytes);
    for (let i = 0; i < count; i++) {
      const row = first + i;
      const inHead = row % head;
      // half-split row d pairs with d + D/2; the file holds the pair as rows 2d and 2d + 1
      const pair = inHead % (head / 2);
      const stored = row - inHead + 2 * pair + (inHead < head / 2 ? 0 : 1) - from;
      ordered.set(bytes.subarray(stored * rowBytes, (stored + 1) * rowBytes), i * rowBytes);
    }
    return ordered;
  }

  async fingerprint({ signal, onBytes }: FingerprintOptions = {}): Promise<string> {
    if (this.#fingerprint !== undefined) return this.#fingerprint;
    const ordered = [...this.#hashed].sort((a, b) => (a.storedName < b.storedName ? -1 : 1));
    const total = ordered.reduce((sum, tensor) => sum + tensor.byteLength, 0);
    const hash = createHash('sha256');
    let hashed = 0;
    for (const { storedName, type, shape, file, offset, byteLength } of ordered) {
      hash.update(`${storedName}\n${type}\n${shape.join(',')}\n`);
      for (let at = 0; at < byteLength; at += CHUNK_BYTES) {
        signal?.throwIfAborted();
        const bytes = await readRange(file, offset + at, Math.min(CHUNK_BYTES, byteLength - at));
        hash.update(bytes);
        hashed += bytes.length;
        onBytes?.(hashed, total);
      }
    }
    this.#fingerprint = hash.digest('hex');
    return this.#fingerprint;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await closeFiles(this.#files);
  }

  #tensor(name: string): StoredTensor {
    const tensor = this.tensors.get(name);
    if (tensor) return tensor;
    throw new InvalidArgumentError('name', `${this.path} has no tensor ${JSON.stringify(name)}.`);
  }
}

/** Closing twice is harmless. */
export async function closeFiles(files: readonly OpenFile[]): Promise<void> {
  await Promise.allSettled(files.map((file) => file.handle.close()));
}

/** @throws InvalidFileError if the file ends before `offset + length`. */
export async function readRange(
  { path, handle }: OpenFile,
  offset: number,
  length: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; ) {
    const { bytesRead } = await handle.read(bytes, at, Math.min(length - at, CHUNK_BYTES), offset + at);
    if (bytesRead === 0) {
      throw new InvalidFileError(
        path,
        `Expected ${length} bytes at ${offset}, but the file ends at ${offset + at}. It was cut off: get it again.`,
      );
    }
    at += bytesRead;
  }
  return bytes;
}
