import type { ModelInfo, Tokenizer } from '../engine/engine.ts';
import { ModelMismatchError } from '../errors.ts';
import type { RopeConfig } from '../tensor/rope.ts';
import { type ModelIdentity, modelIdentity, type SteeringVector } from './vector.ts';

export interface FitOptions {
  /**
   * Let other weights, RoPE or chat template pass, e.g. for a fine-tune of the same model. Another shape never
   * passes: the vector cannot be added. Default false.
   */
  readonly force?: boolean;
}

/**
 * That the vector was made for this model: shape, weights, RoPE, chat template.
 *
 * @throws ModelMismatchError naming both sides.
 */
export function assertVectorFits(
  vector: SteeringVector,
  model: ModelInfo,
  tokenizer: Tokenizer,
  { force = false }: FitOptions = {},
): void {
  const made = vector.model;
  const found = modelIdentity({ model, tokenizer });
  if (shapeText(made) !== shapeText(found)) {
    throw mismatch(
      'shape',
      shapeText(made),
      shapeText(found),
      made,
      found,
      'Extract a vector with this model, or load the model that the vector was made for.',
    );
  }
  if (force) return;
  const remedy =
    'Extract a vector with this model, load the model that the vector was made for, or use force if you know that they are close relatives.';
  const refuseUnless = (what: string, a: string, b: string) => {
    if (a !== b) throw mismatch(what, a, b, made, found, remedy);
  };
  refuseUnless('weights fingerprint', made.fingerprint, found.fingerprint);
  refuseUnless('RoPE', ropeText(made.rope), ropeText(found.rope));
  refuseUnless('chat template hash', made.chatTemplateHash ?? 'none', found.chatTemplateHash ?? 'none');
}

function mismatch(
  what: string,
  expected: string,
  found: string,
  made: ModelIdentity,
  model: ModelIdentity,
  remedy: string,
): ModelMismatchError {
  return new ModelMismatchError(
    `The vector was made for ${made.name} (${what}: ${expected}), but the model is ${model.name} (${what}: ${found}). ${remedy}`,
    expected,
    found,
  );
}

export function shapeText({ layers, kvHeads, headDim }: ModelIdentity): string {
  return `${layers} layers, ${kvHeads} KV heads, head_dim ${headDim}`;
}

function ropeText({ theta, rotaryDim, scaling }: RopeConfig): string {
  const plain = `theta ${theta}, ${rotaryDim} rotary dims`;
  if (scaling === undefined) return plain;
  const { type, factor, lowFreqFactor, highFreqFactor, originalContextLength } = scaling;
  return `${plain}, ${type} scaling ${factor}/${lowFreqFactor}/${highFreqFactor}/${originalContextLength}`;
}
