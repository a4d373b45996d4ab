/**
 * The vectors that requests name: those of a folder, which several servers can share, before those that come with the
 * package. A vector is read when it is first asked for and again when its file has changed, so what one server
 * stores every other one uses with the next request.
 */
import type { Engine } from '../../engine/engine.ts';
import { InvalidFileError, KvSteerError, ModelMismatchError } from '../../errors.ts';
import { ApiError, badRequest } from '../api-error.ts';
import type { ServerLimits } from '../limits.ts';
import type { Gate } from '../steering/gate.ts';
import { readStoredVector, type StoredVector, withGate } from './stored-vector.ts';
import { VectorFolder } from './vector-folder.ts';
import { isContentAddress, isVectorName } from './vector-name.ts';

export interface VectorStoreOptions {
  /** Shared and writable; without one nothing can be stored. */
  readonly folder?: string;
  /** Only read. */
  readonly bundled?: string;
  /** Nothing is stored or deleted. Default false. */
  readonly readOnly?: boolean;
  /** Files that were left out, and why. */
  readonly onProblem?: (name: string, error: unknown) => void;
}

interface Held {
  readonly version: string;
  readonly stored: StoredVector | { readonly problem: KvSteerError };
}

/** Memory for parsed vectors; the least recently used go first. */
const HELD_BYTES = 256 * 2 ** 20;

export class VectorStore {
  readonly #engine: Pick<Engine, 'model' | 'tokenizer'>;
  readonly #limits: Pick<ServerLimits, 'vectorBytes' | 'vectors'>;
  readonly #folder: VectorFolder | null;
  readonly #bundled: VectorFolder | null;
  readonly #options: VectorStoreOptions;
  readonly #held = new Map<string, Held>();

  static async open(
    engine: Pick<Engine, 'model' | 'tokenizer'>,
    limits: Pick<ServerLimits, 'vectorBytes' | 'vectors'>,
    options: VectorStoreOptions = {},
  ): Promise<VectorStore> {
    const store = new VectorStore(engine, limits, options);
    await store.#folder?.open();
    return store;
  }

  private constructor(
    engine: Pick<Engine, 'model' | 'tokenizer'>,
    limits: Pick<ServerLimits, 'vectorBytes' | 'vectors'>,
    options: VectorStoreOptions,
  ) {
    this.#engine = engine;
    this.#limits = limits;
    this.#options = options;
    this.#folder = options.folder === undefined ? null : new VectorFolder(options.folder);
    this.#bundled = options.bundled === undefined ? null : new VectorFolder(options.bundled);
  }

  /** All vectors that fit the model, by name. Files that do not, or cannot be read, are left out. */
  async list(): Promise<StoredVector[]> {
    const found: StoredVector[] = [];
    const seen = new Set<string>();
    for (const source of ['folder', 'bundled'] as const) {
      const names = (await this.#folderOf(source)?.names()) ?? [];
      for (const name of names.slice(0, this.#limits.vectors)) {
        if (seen.has(name)) continue;
        seen.add(name);
        const stored = await this.#read(source, name);
        if (stored !== null && !('problem' in stored)) found.push(stored);
      }
    }
    return found.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /**
   * The vector of that name, or with that SHA-256.
   *
   * @param param the field of the request to blame.
   * @throws ApiError: 404 where there is none, 400 where it is one of another model, 500 where the file is damaged.
   */
  async get(name: string, param: string | null = null): Promise<StoredVector> {
    const stored = isVectorName(name) ? await this.#find(name) : null;
    if (stored === null) {
      throw new ApiError(
        404,
        'vector_not_found',
        `There is no vector ${JSON.stringify(name.slice(0, 80))}. GET /v1/vectors lists those there are.`,
        {
          param,
        },
      );
    }
    if (!('problem' in stored)) return stored;
    if (stored.problem instanceof ModelMismatchError) {
      throw new ApiError(400, 'vector_mismatch', stored.problem.message, { param });
    }
    throw new ApiError(
      500,
      'vector_damaged',
      `The file of the vector ${JSON.stringify(name)} cannot be read. Store it again.`,
      {
        param,
        cause: stored.problem,
      },
    );
  }

  /** The file of a vector. @throws as {@link get}. */
  async bytes(name: string): Promise<Uint8Array> {
    const { name: held, source } = await this.get(name);
    const file = await this.#folderOf(source)!.read(held, this.#limits.vectorBytes);
    if (file !== null && file !== 'tooLarge') return file.bytes;
    throw new ApiError(404, 'vector_not_found', 'The vector was deleted this moment.');
  }

  /**
   * Stores the file under the name, over what was there.
   *
   * @throws ApiError 403 where nothing can be stored, 409 for a full folder, 400 for a name that is none or that is another
   *   content's hash; InvalidFileError, ModelMismatchError.
   */
  async put(name: string, bytes: Uint8Array): Promise<{ stored: StoredVector; created: boolean }> {
    const folder = this.#writable();
    requireName(name);
    const stored = readStoredVector(name, bytes, 'folder', this.#engine);
    if (isContentAddress(name) && name !== stored.sha256) {
      throw badRequest(
        `A name of 64 hex digits is the SHA-256 of the file, which is ${stored.sha256}.`,
        'name',
      );
    }
    const created = (await folder.version(name)) === null;
    if (created && (await folder.names()).length >= this.#limits.vectors) {
      throw new ApiError(
        409,
        'too_many_vectors',
        `The folder holds ${this.#limits.vectors} vectors, its most. Delete one.`,
      );
    }
    await folder.write(name, bytes);
    return { stored, created };
  }

  /** Gives a stored vector a gate, or takes it away. @throws as {@link put} and {@link get}. */
  async putGate(name: string, gate: Gate | null): Promise<StoredVector> {
    this.#writable();
    const { stored } = await this.put(name, withGate(name, await this.bytes(name), gate));
    return stored;
  }

  /** @throws ApiError 403 where nothing can be deleted, 404 where there is none. */
  async delete(name: string): Promise<void> {
    const folder = this.#writable();
    const { name: held, source } = await this.get(name).catch((error: ApiError) => {
      // One that cannot be used can be deleted all the same.
      if (error.status === 404) throw error;
      return { name, source: 'folder' as const };
    });
    if (source === 'bundled') {
      throw new ApiError(403, 'vector_bundled', 'This vector comes with the package and cannot be deleted.');
    }
    await folder.remove(held);
    this.#held.delete(`folder/${held}`);
  }

  #writable(): VectorFolder {
    if (this.#folder !== null && this.#options.readOnly !== true) return this.#folder;
    throw new ApiError(
      403,
      'vectors_read_only',
      this.#folder === null
        ? 'This server has no folder to store vectors in. Start it with --vectors FOLDER.'
        : 'This server was started with --read-only: its vectors can be used, not changed.',
    );
  }

  #folderOf(source: StoredVector['source']): VectorFolder | null {
    return source === 'folder' ? this.#folder : this.#bundled;
  }

  async #find(name: string): Promise<Held['stored'] | null> {
    const named = (await this.#read('folder', name)) ?? (await this.#read('bundled', name));
    if (named !== null || !isContentAddress(name)) return named;
    return (await this.list()).find(({ sha256 }) => sha256 === name) ?? null;
  }

  async #read(source: StoredVector['source'], name: string): Promise<Held['stored'] | null> {
    const folder = this.#folderOf(source);
    const version = (await folder?.version(name)) ?? null;
    if (folder === null || version === null) return null;
    const key = `${source}/${name}`;
    const known = this.#held.get(key);
    if (known?.version === version) {
      this.#held.delete(key);
      this.#held.set(key, known);
      return known.stored;
    }
    const file = await folder.read(name, this.#limits.vectorBytes);
    if (file === null) return null;
    const held: Held =
      file === 'tooLarge'
        ? { version, stored: { problem: tooLarge(name, this.#limits.vectorBytes) } }
        : { version: file.version, stored: this.#parse(source, name, file.bytes) };
    if ('problem' in held.stored) this.#options.onProblem?.(name, held.stored.problem);
    this.#hold(key, held);
    return held.stored;
  }

  #parse(source: StoredVector['source'], name: string, bytes: Uint8Array): Held['stored'] {
    try {
      return readStoredVector(name, bytes, source, this.#engine);
    } catch (error) {
      if (KvSteerError.isInstance(error)) return { problem: error };
      throw error;
    }
  }

  #hold(key: string, held: Held): void {
    this.#held.delete(key);
    this.#held.set(key, held);
    const { layers, kvHeads, headDim } = this.#engine.model;
    const each = 2 * layers * kvHeads * headDim * Float32Array.BYTES_PER_ELEMENT;
    const most = Math.max(16, Math.floor(HELD_BYTES / each));
    for (const oldest of this.#held.keys()) {
      if (this.#held.size <= most) break;
      this.#held.delete(oldest);
    }
  }
}

function requireName(name: string): void {
  if (isVectorName(name)) return;
  throw badRequest(
    'A vector\'s name has 1 to 64 letters, digits, ".", "_" and "-", and begins with a letter or a digit.',
    'name',
  );
}

function tooLarge(name: string, most: number): InvalidFileError {
  return new InvalidFileError(name, `larger than ${most} bytes, the most for a vector here.`);
}
