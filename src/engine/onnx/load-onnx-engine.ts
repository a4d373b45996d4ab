import { createHash } from 'node:crypto';
import { access, readdir, realpath, stat } from 'node:fs/promises';
import { availableParallelism, totalmem } from 'node:os';
import { join } from 'node:path';
import { InvalidArgumentError, InvalidFileError } from '../../errors.ts';
import type { Engine, ModelInfo, Tokenizer } from '../engine.ts';
import { loadTokenizerFolder } from '../tokenizer/folder.ts';
import { tokenizerFromGguf } from '../tokenizer/gguf.ts';
import type { Checkpoint } from './graph/checkpoint.ts';
import { openGgufCheckpoint } from './graph/gguf-checkpoint.ts';
import {
  GRAPH_FORMAT_VERSION,
  type GraphManifest,
  graphFileFor,
  manifestFile,
  readGraphManifest,
} from './graph/graph-manifest.ts';
import { writeGraph } from './graph/write-graph.ts';
import type { KvPrecision } from './kv-precision.ts';
import { OnnxEngine } from './onnx-engine.ts';
import { openGraphSession } from './open-graph-session.ts';

export type Precision = 'fp32' | 'q4';

/** Where a model lies, as the registry resolves it. */
export interface ModelFiles {
  readonly name: string;
  readonly kind: 'gguf' | 'safetensors' | 'onnx';
  /** A file for `gguf`, a folder otherwise. */
  readonly path: string;
  readonly tokenizerFolder: string | null;
}

export interface OnnxEngineOptions {
  /**
   * `q4` (default): a GGUF's 4- and 8-bit blocks as they are, floats in 8-bit blocks. `fp32`: everything dequantised to
   * float32; slower, four to eight times the memory, and comparable with other float32 implementations.
   */
  readonly precision?: Precision;
  /**
   * `fp32` (default): keys and values as float32, exact. `fp16`: rounded to float16, so that a position takes half the
   * memory; it does not decode faster. Attention is computed from the rounded numbers. Not for ONNX folders.
   */
  readonly kvPrecision?: KvPrecision;
  /** Threads of one step, 1 to 256. Default: the cores that this process may use. */
  readonly threads?: number;
  /** Bound on all keys and values together. Default: a quarter of the memory that this process may use, at most 4 GiB. */
  readonly kvCacheBytes?: number;
  readonly signal?: AbortSignal;
  /** Writing the graph, once a model and precision. */
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
}

/** ONNX Runtime starts them all at once; thousands bring it to a standstill. */
const mostThreads = 256;

/**
 * @param cacheFolder keeps written graphs, one folder a checkpoint file and precision, and the self-test's verdict.
 * @throws InvalidFileError, UnsupportedModelError, RuntimeFailureError, InvalidArgumentError; the signal's reason.
 */
export async function loadOnnxEngine(
  files: ModelFiles,
  cacheFolder: string,
  options: OnnxEngineOptions = {},
): Promise<Engine> {
  const precision = options.precision ?? 'q4';
  const kvPrecision = options.kvPrecision ?? 'fp32';
  if (kvPrecision !== 'fp32' && kvPrecision !== 'fp16') {
    throw new InvalidArgumentError('kvPrecision', `\`kvPrecision\` is fp32 or fp16, but was ${kvPrecision}.`);
  }
  const threads = atLeastOne('threads', options.threads ?? Math.min(availableParallelism(), mostThreads));
  if (threads > mostThreads) {
    throw new InvalidArgumentError('threads', `\`threads\` is at most ${mostThreads}, but was ${threads}.`);
  }
  const kvCacheBytes = atLeastOne(
    'kvCacheBytes',
    options.kvCacheBytes ?? Math.min(4 * 2 ** 30, Math.floor(usableMemory() / 4)),
  );
  options.signal?.throwIfAborted();
  if (files.kind === 'onnx') {
    if (kvPrecision !== 'fp32') {
      throw new InvalidArgumentError(
        'kvPrecision',
        `The graph of ${files.path} keeps keys and values as float32. For fp16, load the model from its GGUF or safetensors checkpoint.`,
      );
    }
    const { openTransformersJsModel } = await import('./transformersjs-model.ts');
    return await openTransformersJsModel(files, { precision, threads, kvCacheBytes });
  }

  const checkpoint = await openCheckpoint(files);
  let manifest: GraphManifest;
  let tokenizer: Tokenizer;
  let folder: string;
  try {
    folder = join(
      cacheFolder,
      'graphs',
      `${await checkpointKey(files)}-${precision}-v${GRAPH_FORMAT_VERSION}`,
    );
    manifest = await writtenGraph(checkpoint, precision, folder, options);
    tokenizer = files.tokenizerFolder
      ? await loadTokenizerFolder(files.tokenizerFolder)
      : await tokenizerFromGguf(checkpoint.ggufMetadata!, files.path);
  } finally {
    await checkpoint[Symbol.asyncDispose]();
  }
  options.signal?.throwIfAborted();
  const model: ModelInfo = { name: files.name, ...manifest.model, contextLength: manifest.maxPositions };
  const { layers, kvHeads, headDim, vocabSize, hidden } = model;
  return await OnnxEngine.open({
    model,
    capabilities: {
      engine: 'onnx',
      precision: kvPrecision === 'fp16' ? `${precision}-kv16` : precision,
      residualTaps: true,
      batching: true,
    },
    tokenizer,
    kvCacheBytes,
    kvPrecision,
    openSession: (taps) =>
      openGraphSession(
        join(folder, graphFileFor(kvPrecision, taps)),
        { layers, kvHeads, headDim, vocabSize, hidden, threads, taps },
        cacheFolder,
      ),
  });
}

async function openCheckpoint(files: ModelFiles): Promise<Checkpoint> {
  if (files.kind === 'gguf') return await openGgufCheckpoint(files.path);
  const { openSafetensorsCheckpoint } = await import('./graph/safetensors-checkpoint.ts');
  return await openSafetensorsCheckpoint(files.path);
}

/** A graph that is there and whole is used; a damaged one is written anew. */
async function writtenGraph(
  checkpoint: Checkpoint,
  precision: Precision,
  folder: string,
  { signal, onProgress }: OnnxEngineOptions,
): Promise<GraphManifest> {
  const finished = await access(join(folder, manifestFile)).then(
    () => true,
    () => false,
  );
  if (finished) {
    try {
      return await readGraphManifest(folder);
    } catch (error) {
      if (!(error instanceof InvalidFileError)) throw error;
    }
  }
  return await writeGraph(
    checkpoint,
    { precision, ...(signal ? { signal } : {}), ...(onProgress ? { onProgress } : {}) },
    folder,
  );
}

/** Changes when the files do: path, size and time of each. Hashing the weights themselves would cost every start. */
async function checkpointKey({ kind, path }: ModelFiles): Promise<string> {
  const real = await realpath(path);
  const weights =
    kind === 'gguf'
      ? [real]
      : (await readdir(real))
          .filter((name) => name.endsWith('.safetensors') || name === 'config.json')
          .sort()
          .map((name) => join(real, name));
  const hash = createHash('sha256');
  for (const file of weights) {
    const { size, mtimeMs } = await stat(file);
    hash.update(`${file}\n${size}\n${mtimeMs}\n`);
  }
  return hash.digest('hex').slice(0, 20);
}

/** A container's limit where there is one. */
function usableMemory(): number {
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}

function atLeastOne(argument: string, value: number): number {
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new InvalidArgumentError(
      argument,
      `\`${argument}\` is an integer of at least 1, but was ${value}.`,
    );
  }
  return value;
}
