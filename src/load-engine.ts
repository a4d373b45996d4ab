import type { Engine } from './engine/engine.ts';
import { loadOnnxEngine, type OnnxEngineOptions } from './engine/onnx/load-onnx-engine.ts';
import { cacheFolder, resolveModel } from './models/index.ts';

export interface LoadProgress {
  /** `download`, `verify` and `extract` while pulling; `graph` while the ONNX graph is written, once a model. */
  readonly phase: 'download' | 'verify' | 'extract' | 'graph';
  /** Bytes. */
  readonly done: number;
  readonly total: number | null;
  readonly file?: string;
}

export interface LoadEngineOptions extends Omit<OnnxEngineOptions, 'onProgress'> {
  /** Pull a known name or hub id that is not on this machine. Default true; false never touches the network. */
  readonly download?: boolean;
  readonly onProgress?: (progress: LoadProgress) => void;
}

/**
 * Opens a model by name (`tiny`, `smollm2-135m-instruct`), hub id or path (a GGUF, a safetensors or an ONNX folder).
 * The engine holds native memory: dispose it (`await using engine = await loadEngine(...)`).
 *
 * The first load of a model writes its ONNX graph into the cache folder (`$KVSTEER_CACHE`, else the system's).
 *
 * @example
 * await using engine = await loadEngine('smollm2-135m-instruct');
 * @throws ModelNotFoundError, DownloadError, InvalidFileError, UnsupportedModelError, RuntimeFailureError,
 *   InvalidArgumentError; the signal's reason.
 */
export async function loadEngine(model: string, options: LoadEngineOptions = {}): Promise<Engine> {
  const { download = true, onProgress, ...engineOptions } = options;
  const files = await resolveModel(model, {
    download,
    signal: options.signal,
    onProgress: (event) =>
      onProgress?.({
        phase: event.phase,
        done: event.receivedBytes,
        total: event.totalBytes,
        file: event.file,
      }),
  });
  return await loadOnnxEngine(files, cacheFolder(), {
    ...engineOptions,
    onProgress: ({ done, total }) => onProgress?.({ phase: 'graph', done, total }),
  });
}
