import './engine/onnx/telemetry-off.ts';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheFolder, type ModelProgressListener, resolveModel } from './models/index.ts';
import { cachedEmbedder } from './pairs/embed/embedding-cache.ts';
import { loadSentenceEmbedder, type SentenceEmbedder } from './pairs/embed/sentence-embedder.ts';

/** all-MiniLM-L6-v2 (Apache-2.0, 90 MB) in the layout that Transformers.js reads. */
export const DEFAULT_EMBEDDER = 'Xenova/all-MiniLM-L6-v2';

export interface LoadEmbedderOptions {
  /** Pull the model where it is not on this machine. Default true; false never touches the network. */
  readonly download?: boolean | undefined;
  /** Default: the folder that models are kept in. Embeddings are kept there too, by content. */
  readonly cache?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ModelProgressListener | undefined;
}

/**
 * Opens a sentence embedding model by hub id, or by the path of a folder in the Transformers.js layout, and keeps what it
 * embeds on disk. It runs through `@huggingface/transformers`, which has to be installed. Dispose of it.
 *
 * @example
 * await using embedder = await loadEmbedder();
 * const selection = nearestByEmbedding(questions, await embedder.embed(questions));
 * const pairs = buildPairs(items, { tokenizer: engine.tokenizer, turns: 5, selection });
 * @throws MissingPackageError, ModelNotFoundError, DownloadError, InvalidFileError; the signal's reason.
 */
export async function loadEmbedder(
  model: string = DEFAULT_EMBEDDER,
  options: LoadEmbedderOptions = {},
): Promise<SentenceEmbedder> {
  const { download = true, cache = cacheFolder(), signal, onProgress } = options;
  const embedder = (await isFolder(model))
    ? await loadSentenceEmbedder(model)
    : await loadSentenceEmbedder(await pulled(), { name: model.split('/').at(-1) ?? model });
  return cachedEmbedder(embedder, join(cache, 'embeddings'));

  async function pulled(): Promise<string> {
    // A repository may hold the same weights in several forms: this one is what Transformers.js opens.
    const name = model.includes(':') ? model : `${model}:onnx/model.onnx`;
    const { path } = await resolveModel(name, { download, cache, signal, onProgress });
    return path;
  }
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}
