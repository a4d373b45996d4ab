/**
 * Vectors that other tools write as plain safetensors: `keys` and `values` [L, H, D], or the reference code's layout
 * `{keys, values}`, each a tensor a layer. Of the latter the names may be `keys.0`, `keys/0`, `keys_0` or
 * `keys.layer.0` (and so for values), the shapes [H, D] with any axes of length 1 before, between and after.
 */
import { InvalidFileError, ModelMismatchError } from '../errors.ts';
import { type Safetensors, type SafetensorsTensor, tensorToFloat32 } from '../tensor/safetensors/read.ts';
import type { Parts } from './accumulator.ts';
import type { ModelIdentity } from './vector.ts';
import { shapeText } from './vector-fits.ts';

const layerName = /^(keys|values)(?:[._/]layers?)?[._/](\d{1,4})$/;

/**
 * Keys and values [L, H, D] as float32.
 *
 * @throws InvalidFileError for another layout, a layer that is missing, twice there or not of the model, a shape or an
 * element type that is none of these; ModelMismatchError for a stack of another model's shape.
 */
export function readPlainLayout({ tensors }: Safetensors, model: ModelIdentity, path: string): Parts {
  const [keys, values] = [tensors.get('keys'), tensors.get('values')];
  if (keys === undefined && values === undefined) return readLayers(tensors, model, path);
  const stack = (name: string, tensor: SafetensorsTensor | undefined) => {
    const { layers, kvHeads, headDim } = model;
    const expected = [layers, kvHeads, headDim];
    if (tensor?.shape.length === 3 && tensor.shape.join() !== expected.join()) {
      const [l, h, d] = tensor.shape as [number, number, number];
      const held = shapeText({ ...model, layers: l, kvHeads: h, headDim: d });
      throw new ModelMismatchError(
        `${path} holds a vector of ${held}, but ${model.name} has ${shapeText(model)}. Give the model that it was made for.`,
        shapeText(model),
        held,
      );
    }
    if (tensor?.shape.join() === expected.join()) return tensorToFloat32(tensor);
    const found = tensor === undefined ? 'none' : `${tensor.dtype} [${tensor.shape.join(', ')}]`;
    throw new InvalidFileError(
      path,
      `expected the tensor ${name} as F32 [${expected.join(', ')}], found ${found}.`,
    );
  };
  return { keys: stack('keys', keys), values: stack('values', values) };
}

function readLayers(
  tensors: ReadonlyMap<string, SafetensorsTensor>,
  { layers, kvHeads, headDim }: ModelIdentity,
  path: string,
): Parts {
  const size = kvHeads * headDim;
  const parts = { keys: new Float32Array(layers * size), values: new Float32Array(layers * size) };
  const seen = { keys: new Set<number>(), values: new Set<number>() };
  const fail = (message: string): never => {
    throw new InvalidFileError(path, message);
  };
  for (const [name, tensor] of tensors) {
    const match = layerName.exec(name);
    if (match === null) {
      return fail(
        `expected the tensors keys and values, or keys.0, values.0 and so on for each layer, found ${JSON.stringify(name.slice(0, 80))}.`,
      );
    }
    const [part, layer] = [match[1] as keyof Parts, Number(match[2])];
    if (layer >= layers) fail(`tensor ${name}: the model has layers 0 to ${layers - 1}.`);
    if (seen[part].has(layer)) fail(`tensor ${name}: the ${part} of layer ${layer} are there twice.`);
    const without1 = (shape: readonly number[]) => shape.filter((axis) => axis !== 1).join();
    if (without1(tensor.shape) !== without1([kvHeads, headDim])) {
      fail(`tensor ${name}: expected [${kvHeads}, ${headDim}], found [${tensor.shape.join(', ')}].`);
    }
    seen[part].add(layer);
    parts[part].set(tensorToFloat32(tensor), layer * size);
  }
  for (const part of ['keys', 'values'] as const) {
    const missing = Array.from({ length: layers }, (_, layer) => layer).filter(
      (layer) => !seen[part].has(layer),
    );
    if (missing.length > 0) fail(`expected ${part} of ${layers} layers, found none of layer ${missing[0]}.`);
  }
  return parts;
}
