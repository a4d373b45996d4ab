/**
 * The vector file: safetensors with `keys` and `values` [L, H, D] float32, where there are clusters also `centroids`
 * [K, 2, L, H, D] (keys, values) and `centroid_states` [K, L, H, D], and `kvsteer.*` metadata.
 */
import type { ModelInfo, Tokenizer } from '../engine/engine.ts';
import { InvalidArgumentError, InvalidFileError } from '../errors.ts';
import { readSafetensors, type Safetensors, tensorToFloat32 } from '../tensor/safetensors/read.ts';
import { type SafetensorsInput, writeSafetensors } from '../tensor/safetensors/write.ts';
import { readPlainLayout } from './plain-layout.ts';
import {
  type Aggregation,
  type Centroid,
  type KeyMode,
  type ModelIdentity,
  makeVector,
  modelIdentity,
  type SteeringVector,
} from './vector.ts';

import { fromMetadata, hasVectorMetadata, toMetadata } from './vector-metadata.ts';

export interface ReadVectorOptions {
  /** Names the file in errors. Default `vector`. */
  readonly path?: string;
  /**
   * For a plain safetensors file without kvsteer metadata, as other tools write (layouts: `plain-layout.ts`): take it as made for this model (an `Engine` will do). Without it such a file is refused; a file with metadata
   * speaks for itself.
   */
  readonly assume?: { readonly model: ModelInfo; readonly tokenizer: Tokenizer };
  /** Key mode of such a file; default `post-rope`, as published. */
  readonly keyMode?: KeyMode;
}

/** Equal vectors give equal bytes. */
export function vectorToBytes(vector: SteeringVector): Uint8Array {
  const { layers, kvHeads, headDim } = vector.model;
  const shape = [layers, kvHeads, headDim];
  const tensors = new Map<string, SafetensorsInput>([
    ['keys', { shape, data: vector.keys }],
    ['values', { shape, data: vector.values }],
  ]);
  const { centroids } = vector;
  if (centroids !== null) {
    const parts = centroids.flatMap(({ keys, values }) => [keys, values]);
    const states = centroids.map(({ state }) => state);
    tensors.set('centroids', { shape: [centroids.length, 2, ...shape], data: joined(parts) });
    tensors.set('centroid_states', { shape: [centroids.length, ...shape], data: joined(states) });
  }
  return writeSafetensors(tensors, toMetadata(vector));
}

/**
 * @throws InvalidFileError for what is not a vector file of this format, damaged, not finite or at odds with
 * itself; InvalidFileError for a plain file without `assume`, ModelMismatchError for one of another shape than the
 * assumed model.
 */
export function vectorFromBytes(bytes: Uint8Array, options: ReadVectorOptions = {}): SteeringVector {
  const { path = 'vector', assume, keyMode = 'post-rope' } = options;
  const file = readSafetensors(bytes, path, { maxHeaderBytes: 2 ** 22, maxTensors: 4096, maxDims: 8 });
  if (hasVectorMetadata(file.metadata)) {
    const { clusters, ...rest } = fromMetadata(file.metadata, path);
    const expected = ['keys', 'values', ...(clusters === null ? [] : ['centroids', 'centroid_states'])];
    const extra = [...file.tensors.keys()].find((name) => !expected.includes(name));
    if (extra !== undefined) {
      throw new InvalidFileError(
        path,
        `expected the tensors ${expected.join(', ').replace(/, (?=[^,]*$)/, ' and ')}, found also ${JSON.stringify(extra.slice(0, 80))}. A newer kvsteer may read it.`,
      );
    }
    return vectorOf(file, rest, path, clusters);
  }
  if (assume === undefined) {
    throw new InvalidFileError(
      path,
      'expected kvsteer metadata, found none. If it holds keys and values [layers, KV heads, head_dim] made elsewhere, say for which model ("assume").',
    );
  }
  const model = modelIdentity(assume);
  return makeVector({ ...readPlainLayout(file, model, path), keyMode, model, aggregation: 'imported' });
}

function vectorOf(
  file: Safetensors,
  rest: { readonly keyMode: KeyMode; readonly model: ModelIdentity; readonly aggregation?: Aggregation },
  path: string,
  clusters: readonly number[] | null = null,
): SteeringVector {
  const { layers, kvHeads, headDim } = rest.model;
  const tensor = (name: string, ...before: readonly number[]) => {
    const entry = file.tensors.get(name);
    const expected = `F32 [${[...before, layers, kvHeads, headDim].join(', ')}]`;
    const found = entry === undefined ? 'none' : `${entry.dtype} [${entry.shape.join(', ')}]`;
    if (entry === undefined || found !== expected) {
      throw new InvalidFileError(path, `expected the tensor ${name} as ${expected}, found ${found}.`);
    }
    return tensorToFloat32(entry);
  };
  const [keys, values] = [tensor('keys'), tensor('values')];
  let centroids: Centroid[] | null = null;
  if (clusters !== null) {
    const parts = tensor('centroids', clusters.length, 2);
    const states = tensor('centroid_states', clusters.length);
    const at = (tensors: Float32Array, i: number) => tensors.subarray(i * keys.length, (i + 1) * keys.length);
    centroids = clusters.map((pairs, c) => ({
      keys: at(parts, 2 * c),
      values: at(parts, 2 * c + 1),
      state: at(states, c),
      pairs,
    }));
  }
  try {
    return makeVector({ ...rest, keys, values, centroids });
  } catch (cause) {
    // What makeVector refuses here (a recommended layer outside the model) is the file's fault.
    if (!(cause instanceof InvalidArgumentError)) throw cause;
    throw new InvalidFileError(path, cause.message, { cause });
  }
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
