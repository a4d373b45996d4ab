import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { access } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { InvalidFileError, MissingPackageError } from '../../errors.ts';

export interface EmbedOptions {
  readonly signal?: AbortSignal;
  /** Called as texts are done. */
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
}

/** Turns sentences into vectors whose dot product says how much alike their meanings are. */
export interface SentenceEmbedder extends AsyncDisposable {
  /** e.g. `all-MiniLM-L6-v2`. */
  readonly name: string;
  /** SHA-256 over graph and tokenizer, in hex: embeddings of equal fingerprints may be mixed. */
  readonly fingerprint: string;
  /** One unit vector a text, in their order. */
  embed(texts: readonly string[], options?: EmbedOptions): Promise<Float32Array[]>;
}

/** Best first: the embeddings are cached, so the exact ones cost little. */
const GRAPHS = [
  ['fp32', 'model.onnx'],
  ['q8', 'model_quantized.onnx'],
] as const;
const BATCH = 16;
/** What sentence-transformers reads of a text with all-MiniLM-L6-v2: the model was trained on no more. */
const MAX_TOKENS = 256;

/**
 * A sentence embedding model in the Transformers.js layout (config.json, tokenizer.json, onnx/model.onnx), run by
 * Transformers.js. A text's vector is the mean over its tokens (at most 256), at length 1, as all-MiniLM-L6-v2 is used.
 * Holds native memory: dispose of it.
 *
 * @param name for records; default: the folder's name.
 * @throws MissingPackageError where `@huggingface/transformers` is not installed; InvalidFileError for a folder that
 * holds no such model.
 */
export async function loadSentenceEmbedder(
  folder: string,
  { name = basename(folder) }: { readonly name?: string } = {},
): Promise<SentenceEmbedder> {
  const [dtype, graph] = await graphOf(folder);
  const { AutoModel, AutoTokenizer } = await import('@huggingface/transformers').catch((cause) => {
    throw new MissingPackageError(
      'Finding the nearest questions by their meaning',
      ['@huggingface/transformers'],
      { cause },
    );
  });
  const fingerprint = await hashFiles([join(folder, 'onnx', graph), join(folder, 'tokenizer.json')]);
  const opened = async <T>(opening: Promise<T>): Promise<T> =>
    opening.catch((cause) => {
      throw unreadable(folder, cause);
    });
  const tokenizer = await opened(AutoTokenizer.from_pretrained(folder, { local_files_only: true }));
  const model = await opened(AutoModel.from_pretrained(folder, { dtype, local_files_only: true }));

  async function embedBatch(texts: readonly string[]): Promise<Float32Array[]> {
    const inputs = tokenizer([...texts], { padding: true, truncation: true, max_length: MAX_TOKENS });
    const mask = inputs.attention_mask.data as BigInt64Array;
    if (inputs.input_ids.dims[1] === MAX_TOKENS) {
      restoreEnds(inputs.input_ids.data as BigInt64Array, mask);
    }
    const { last_hidden_state: states } = await model(inputs);
    const [rows, length, size] = (states?.dims ?? []) as readonly number[];
    if (rows !== texts.length || length === undefined || size === undefined) {
      throw new InvalidFileError(
        folder,
        `expected hidden states [${texts.length}, tokens, size], found [${states?.dims.join(', ') ?? 'none'}]. Is it a sentence embedding model?`,
      );
    }
    const values = states.data as Float32Array;
    return texts.map((_, row) => {
      const pooled = meanOver(mask, values, row, length, size);
      if (pooled.every(Number.isFinite)) return pooled;
      throw new InvalidFileError(folder, 'gives embeddings that are not finite. Is the graph damaged?');
    });
  }

  /** Where a text is cut, Transformers.js drops its last token ([SEP]), which the model has always seen. */
  function restoreEnds(ids: BigInt64Array, mask: BigInt64Array): void {
    const end = tokenizer.encode('').at(-1);
    if (end === undefined) return;
    for (let last = MAX_TOKENS - 1; last < ids.length; last += MAX_TOKENS) {
      if (mask[last] === 1n) ids[last] = BigInt(end);
    }
  }

  return {
    name,
    fingerprint,
    async embed(texts, { signal, onProgress } = {}) {
      // Texts of one length share a batch, as a batch costs what its longest text does.
      const order = [...texts.keys()].sort((a, b) => texts[a]!.length - texts[b]!.length || a - b);
      const embeddings: Float32Array[] = new Array(texts.length);
      for (let from = 0; from < order.length; from += BATCH) {
        signal?.throwIfAborted();
        const batch = order.slice(from, from + BATCH);
        const rows = await embedBatch(batch.map((i) => texts[i]!));
        for (const [row, i] of batch.entries()) embeddings[i] = rows[row]!;
        onProgress?.({ done: from + batch.length, total: texts.length });
      }
      return embeddings;
    },
    async [Symbol.asyncDispose]() {
      await model.dispose();
    },
  };
}

/** The mean of a row's hidden states [T, C] over its tokens that are no padding, at length 1. */
function meanOver(
  mask: BigInt64Array,
  states: Float32Array,
  row: number,
  length: number,
  size: number,
): Float32Array {
  const mean = new Float64Array(size);
  for (let t = 0; t < length; t++) {
    if (mask[row * length + t] === 0n) continue;
    const from = (row * length + t) * size;
    for (let i = 0; i < size; i++) mean[i]! += states[from + i]!;
  }
  const norm = Math.hypot(...mean);
  return Float32Array.from(mean, (value) => value / norm);
}

async function graphOf(folder: string): Promise<(typeof GRAPHS)[number]> {
  for (const graph of GRAPHS) {
    if (await exists(join(folder, 'onnx', graph[1]))) return graph;
  }
  throw new InvalidFileError(
    folder,
    `holds no sentence embedding model: expected config.json, tokenizer.json and onnx/${GRAPHS[0][1]}, as those of Xenova/all-MiniLM-L6-v2.`,
  );
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

async function hashFiles(paths: readonly string[]): Promise<string> {
  const hash = createHash('sha256');
  for (const path of paths) {
    try {
      for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
    } catch (cause) {
      throw unreadable(path, cause);
    }
  }
  return hash.digest('hex');
}

function unreadable(path: string, cause: unknown): InvalidFileError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new InvalidFileError(path, `cannot be opened as a sentence embedding model: ${why}`, { cause });
}
