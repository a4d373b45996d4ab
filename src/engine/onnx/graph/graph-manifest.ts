/** `graph.json`: what a written graph folder holds. Written last: a folder without it is not finished. */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { InvalidFileError } from '../../../errors.ts';
import type { KvPrecision } from '../kv-precision.ts';

export const manifestFile = 'graph.json';
export const graphFile = 'model.onnx';
export const tapsGraphFile = 'model.taps.onnx';
export const kv16GraphFile = 'model.kv16.onnx';
export const kv16TapsGraphFile = 'model.kv16.taps.onnx';
export const weightsFile = 'weights.bin';

/** Raised whenever a graph of an older kvsteer would no longer do. */
export const GRAPH_FORMAT_VERSION = 4;

/** The graph over a KV cache of `kvPrecision`, with or without residual taps. */
export function graphFileFor(kvPrecision: KvPrecision, taps: boolean): string {
  if (kvPrecision === 'fp16') return taps ? kv16TapsGraphFile : kv16GraphFile;
  return taps ? tapsGraphFile : graphFile;
}

const count = z.number().int().positive();
const positive = z.number().positive();

const manifestSchema = z.strictObject({
  formatVersion: z.literal(GRAPH_FORMAT_VERSION),
  /** The inputs and outputs described in decoder-graph.ts. */
  io: z.literal('kvsteer'),
  precision: z.enum(['fp32', 'q4']),
  /** Positions the RoPE tables cover: the longest sequence this graph can run. */
  maxPositions: count,
  /** ModelInfo, less the name it is loaded by. */
  model: z.strictObject({
    architecture: z.string(),
    layers: count,
    heads: count,
    kvHeads: count,
    headDim: count,
    hidden: count,
    vocabSize: count,
    contextLength: count,
    rope: z.strictObject({
      theta: positive,
      rotaryDim: count,
      scaling: z
        .strictObject({
          type: z.literal('llama3'),
          factor: positive,
          lowFreqFactor: positive,
          highFreqFactor: positive,
          originalContextLength: positive,
        })
        .exactOptional(),
    }),
    fingerprint: z.string().regex(/^[0-9a-f]{64}$/),
  }),
  /** Bytes of each file. */
  files: z.strictObject({
    [graphFile]: count,
    [tapsGraphFile]: count,
    [kv16GraphFile]: count,
    [kv16TapsGraphFile]: count,
    [weightsFile]: count,
  }),
});

export type GraphManifest = z.infer<typeof manifestSchema>;

const MOST_MANIFEST_BYTES = 2 ** 16;

/**
 * @param folder as `writeGraph` left it.
 * @throws InvalidFileError if the manifest is missing, damaged or of another version, or a file has another size.
 */
export async function readGraphManifest(folder: string): Promise<GraphManifest> {
  const path = join(folder, manifestFile);
  const fail = (message: string, cause?: unknown): never => {
    throw new InvalidFileError(path, `${message} Delete the folder and write the graph again.`, { cause });
  };
  let json: unknown;
  try {
    const { size } = await stat(path);
    if (size > MOST_MANIFEST_BYTES) fail(`Expected at most ${MOST_MANIFEST_BYTES} bytes, found ${size}.`);
    json = JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    if (error instanceof InvalidFileError) throw error;
    return fail(`Expected a graph manifest, but it cannot be read (${String(error)}).`, error);
  }
  const parsed = manifestSchema.safeParse(json);
  if (!parsed.success) return fail(`Not a manifest of this version. ${z.prettifyError(parsed.error)}.`);
  for (const [name, bytes] of Object.entries(parsed.data.files)) {
    const found = await stat(join(folder, name)).catch(() => undefined);
    if (found?.size !== bytes) {
      fail(`${name} should have ${bytes} bytes, but ${found ? `has ${found.size}` : 'is missing'}.`);
    }
  }
  return parsed.data;
}
