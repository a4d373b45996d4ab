/** The weights of a model as a checkpoint stores them, under one set of names, whatever the file format. */
import type { RopeConfig } from '../../../tensor/rope.ts';
import type { StorageType } from './storage-type.ts';

export interface CheckpointConfig {
  readonly architecture: 'llama' | 'qwen2';
  /** L */
  readonly layers: number;
  /** Query heads; a multiple of `kvHeads`. */
  readonly heads: number;
  /** H */
  readonly kvHeads: number;
  /** D */
  readonly headDim: number;
  /** C */
  readonly hidden: number;
  /** Width of the MLP. */
  readonly intermediate: number;
  /** V: rows of the embedding. */
  readonly vocabSize: number;
  readonly contextLength: number;
  readonly rmsNormEpsilon: number;
  readonly rope: RopeConfig;
  /** The output projection is the embedding. */
  readonly tiedEmbeddings: boolean;
  /** q, k and v have biases. */
  readonly attentionBias: boolean;
  /** The attention's output projection has a bias (llama with `attention_bias`). */
  readonly outputBias: boolean;
}

export interface CheckpointTensor {
  /** As transformers names it, e.g. `model.layers.0.self_attn.q_proj.weight`. */
  readonly name: string;
  /** [out, in] for a matrix, [n] for a vector. */
  readonly shape: readonly number[];
  readonly type: StorageType;
  readonly byteLength: number;
}

export interface FingerprintOptions {
  readonly signal?: AbortSignal;
  readonly onBytes?: (hashed: number, total: number) => void;
}

/** An open checkpoint; disposal closes its files. */
export interface Checkpoint extends AsyncDisposable {
  readonly path: string;
  readonly format: 'gguf' | 'safetensors';
  readonly config: CheckpointConfig;
  /** Exactly the tensors that `config` calls for, by name; shapes checked. */
  readonly tensors: ReadonlyMap<string, CheckpointTensor>;
  /** Only with `format: 'gguf'`: every metadata key, as the file has it. */
  readonly ggufMetadata?: Readonly<Record<string, unknown>>;
  /**
   * Stored bytes of rows `first` .. `first + count - 1` of the tensor's first dimension, whatever its type
   * (blocks never span rows). q and k rows are in half-split order, as transformers has them.
   *
   * @throws InvalidFileError if the file has become shorter; InvalidArgumentError for a tensor or rows it lacks.
   */
  readRows(name: string, first: number, count: number): Promise<Uint8Array<ArrayBuffer>>;
  /** All of a tensor's rows. */
  read(name: string): Promise<Uint8Array<ArrayBuffer>>;
  /**
   * SHA-256, hex, over the stored tensors in the order of their names: for each, the name in the file, its type, its
   * shape as stored (each as UTF-8 text, lines ended by "\n"), then its bytes. The same weights in two file formats,
   * or quantised in two ways, have two fingerprints; every graph written from one file has one.
   */
  fingerprint(options?: FingerprintOptions): Promise<string>;
}
