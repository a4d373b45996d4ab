export type ModelKind = 'gguf' | 'safetensors' | 'onnx';

/** A model that is on this machine's disk, complete. */
export interface ResolvedModel {
  /** What it was asked for by: a known name, a hub id, or the path. */
  readonly name: string;
  readonly kind: ModelKind;
  /** The file for `gguf`, the folder otherwise. */
  readonly path: string;
  /** Folder that holds tokenizer.json; `null` where a GGUF brings its tokenizer in its own metadata only. */
  readonly tokenizerFolder: string | null;
}
