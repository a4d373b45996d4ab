/**
 * Writes a steerable ONNX graph from a checkpoint: four graphs over one weight file: float32 and
 * float16 keys and values, each with and without residual taps.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { InvalidArgumentError } from '../../../errors.ts';
import type { KvPrecision } from '../kv-precision.ts';
import type { Checkpoint } from './checkpoint.ts';
import { decoderGraph } from './decoder-graph.ts';
import { writeDecoderWeights } from './decoder-weights.ts';
import {
  GRAPH_FORMAT_VERSION,
  type GraphManifest,
  graphFile,
  graphFileFor,
  kv16GraphFile,
  kv16TapsGraphFile,
  manifestFile,
  tapsGraphFile,
  weightsFile,
} from './graph-manifest.ts';
import type { Precision } from './matrix-weights.ts';
import { WeightFile } from './weight-file.ts';

export interface WriteGraphOptions {
  /**
   * `fp32`: every weight dequantised to float32. `q4`: block types are carried over exactly to 4- or 8-bit blocks;
   * weights stored as floats are quantised to 8-bit blocks of 32.
   */
  readonly precision: Precision;
  /** Longest sequence the graph can run; default: the model's context length, at most 32,768. */
  readonly maxPositions?: number;
  readonly signal?: AbortSignal;
  /** Source bytes read so far (fingerprint and weights together), of all that will be read. */
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
}

const DEFAULT_MOST_POSITIONS = 32_768;

/**
 * Memory: one matrix as float32 at most (the largest projection; embeddings stream).
 *
 * @param folder replaced if it is there; its parent is made. Nothing is left behind on failure or abort.
 * @returns the manifest, as {@link readGraphManifest} reads it back.
 * @throws InvalidArgumentError for maxPositions out of 1 .. context length; InvalidFileError for a checkpoint that
 *   turns out to be cut off; the signal's reason.
 */
export async function writeGraph(
  checkpoint: Checkpoint,
  { precision, maxPositions, signal, onProgress }: WriteGraphOptions,
  folder: string,
): Promise<GraphManifest> {
  const { config } = checkpoint;
  const positions = maxPositions ?? Math.min(config.contextLength, DEFAULT_MOST_POSITIONS);
  if (!Number.isInteger(positions) || positions < 1 || positions > config.contextLength) {
    throw new InvalidArgumentError(
      'maxPositions',
      `maxPositions must be an integer from 1 to the model's context length, ${config.contextLength}, not ${positions}.`,
    );
  }
  signal?.throwIfAborted();
  const target = resolve(folder);
  const temporary = sibling(target, 'tmp');
  await mkdir(temporary, { recursive: true });
  try {
    const report = progressOf(checkpoint, onProgress);
    const fingerprint = await checkpoint.fingerprint({
      ...(signal ? { signal } : {}),
      onBytes: (hashed) => report.hashed(hashed),
    });
    const { weights, bytes } = await writeWeights(
      temporary,
      checkpoint,
      precision,
      positions,
      signal,
      report.written,
    );
    const write = async (kvPrecision: KvPrecision, taps: boolean) => {
      const graph = decoderGraph(config, weights, { taps, kvPrecision, weightsFile });
      await writeFile(join(temporary, graphFileFor(kvPrecision, taps)), graph, { flush: true });
      return graph.length;
    };
    const { architecture, layers, heads, kvHeads, headDim, hidden, vocabSize, contextLength, rope } = config;
    const manifest: GraphManifest = {
      formatVersion: GRAPH_FORMAT_VERSION,
      io: 'kvsteer',
      precision,
      maxPositions: positions,
      model: {
        architecture,
        layers,
        heads,
        kvHeads,
        headDim,
        hidden,
        vocabSize,
        contextLength,
        rope,
        fingerprint,
      },
      files: {
        [graphFile]: await write('fp32', false),
        [tapsGraphFile]: await write('fp32', true),
        [kv16GraphFile]: await write('fp16', false),
        [kv16TapsGraphFile]: await write('fp16', true),
        [weightsFile]: bytes,
      },
    };
    await writeFile(join(temporary, manifestFile), `${JSON.stringify(manifest, null, 2)}\n`, { flush: true });
    signal?.throwIfAborted();
    await replaceFolder(temporary, target);
    return manifest;
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    throw error;
  }
}

async function writeWeights(
  folder: string,
  checkpoint: Checkpoint,
  precision: Precision,
  positions: number,
  signal: AbortSignal | undefined,
  onBytes: (bytes: number) => void,
) {
  const file = await WeightFile.create(join(folder, weightsFile));
  try {
    const weights = await writeDecoderWeights({ checkpoint, precision, file, signal, onBytes }, positions);
    await file.sync();
    return { weights, bytes: file.bytes };
  } finally {
    await file[Symbol.asyncDispose]();
  }
}

/** The new folder takes the old one's place; a process that dies in between leaves the old one beside it. */
async function replaceFolder(temporary: string, target: string): Promise<void> {
  const old = sibling(target, 'old');
  const replaced = await rename(target, old).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false;
      throw error;
    },
  );
  try {
    await rename(temporary, target);
  } catch (error) {
    if (replaced) await rename(old, target);
    throw error;
  }
  if (replaced) await rm(old, { recursive: true, force: true });
}

function sibling(target: string, what: string): string {
  return join(dirname(target), `.${basename(target)}.${what}-${randomBytes(6).toString('hex')}`);
}

function progressOf(checkpoint: Checkpoint, onProgress: WriteGraphOptions['onProgress']) {
  let weights = 0;
  for (const { byteLength } of checkpoint.tensors.values()) weights += byteLength;
  const total = 2 * weights;
  let written = 0;
  const report = (done: number) => onProgress?.({ done: Math.min(done, total), total });
  return {
    hashed: (bytes: number) => report(Math.min(bytes, weights)),
    written: (bytes: number) => {
      written += bytes;
      report(weights + written);
    },
  };
}
