/** The vector file: safetensors with `keys` and `values` [L, H, D] float32 and `kvsteer.*` metadata. */
import type { ModelInfo, Tokenizer } from '../engine/engine.ts';
import { InvalidArgumentError, InvalidFileError, ModelMismatchError } from '../errors.ts';
import { readSafetensors, type Safetensors, tensorToFloat32 } from '../tensor/safetensors/read.ts';
import { writeSafetensors } from '../tensor/safetensors/write.ts';
import {
  type KeyMode,
  type ModelIdentity,
  makeVector,
  modelIdentity,
  type SteeringVector,
} from './vector.ts';
import { shapeText } from './vector-fits.ts';
import { fromMetadata, hasVectorMetadata, toMetadata } from './vector-metadata.ts';

export interface ReadVectorOptions {
  /** Names the file in errors. Default `vector`. */
  readonly path?: string;
  /**
   * For a plain safetensors file with `keys` and `values` [L, H, D] but no kvsteer metadata, as other tools write:
   * take it as made for this model (an `Engine` will do). Without it such a file is refused; a file with metadata
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
  const tensors = new Map([
    ['keys', { shape, data: vector.keys }],
    ['values', { shape, data: vector.values }],
  ]);
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
    const rest = fromMetadata(file.metadata, path);
    const extra = [...file.tensors.keys()].find((name) => name !== 'keys' && name !== 'values');
    if (extra !== undefined) {
      throw new InvalidFileError(
        path,
        `expected the tensors keys and values, found also ${JSON.stringify(extra.slice(0, 80))}. A newer kvsteer may read it.`,
      );
    }
    return vectorOf(file, rest, path);
  }
  if (assume === undefined) {
    throw new InvalidFileError(
      path,
      'expected kvsteer metadata, found none. If it holds keys and values [layers, KV heads, head_dim] made elsewhere, say for which model ("assume").',
    );
  }
  const model = modelIdentity(assume);
  const found = file.tensors.get('keys')?.shape;
  if (found?.length === 3 && found.join() !== [model.layers, model.kvHeads, model.headDim].join()) {
    const [layers, kvHeads, headDim] = found as [number, number, number];
    const [held, expected] = [shapeText({ ...model, layers, kvHeads, headDim }), shapeText(model)];
    throw new ModelMismatchError(
      `${path} holds a vector of ${held}, but ${model.name} has ${expected}. Give the model that it was made for.`,
      expected,
      held,
    );
  }
  return vectorOf(file, { keyMode, model }, path);
}

function vectorOf(
  file: Safetensors,
  rest: { readonly keyMode: KeyMode; readonly model: ModelIdentity },
  path: string,
): SteeringVector {
  const { layers, kvHeads, headDim } = rest.model;
  const tensor = (name: string) => {
    const entry = file.tensors.get(name);
    const expected = `F32 [${layers}, ${kvHeads}, ${headDim}]`;
    const found = entry === undefined ? 'none' : `${entry.dtype} [${entry.shape.join(', ')}]`;
    if (entry === undefined || found !== expected) {
      throw new InvalidFileError(path, `expected the tensor ${name} as ${expected}, found ${found}.`);
    }
    return tensorToFloat32(entry);
  };
  try {
    return makeVector({ ...rest, keys: tensor('keys'), values: tensor('values') });
  } catch (cause) {
    // What makeVector refuses here (a recommended layer outside the model) is the file's fault.
    if (!(cause instanceof InvalidArgumentError)) throw cause;
    throw new InvalidFileError(path, cause.message, { cause });
  }
}
