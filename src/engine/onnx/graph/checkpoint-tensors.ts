/** The tensors that an architecture consists of. */
import { InvalidFileError, UnsupportedModelError } from '../../../errors.ts';
import type { CheckpointConfig, CheckpointTensor } from './checkpoint.ts';

export const embeddingName = 'model.embed_tokens.weight';
export const finalNormName = 'model.norm.weight';
export const outputName = 'lm_head.weight';

/** e.g. `layerTensor(3, 'mlp.up_proj.weight')`. */
export function layerTensor(layer: number, name: string): string {
  return `model.layers.${layer}.${name}`;
}

/** Name to shape of every tensor of the model. */
export function expectedTensors(config: CheckpointConfig): Map<string, readonly number[]> {
  const { layers, heads, kvHeads, headDim, hidden, intermediate, vocabSize } = config;
  const expected = new Map<string, readonly number[]>();
  expected.set(embeddingName, [vocabSize, hidden]);
  expected.set(finalNormName, [hidden]);
  if (!config.tiedEmbeddings) expected.set(outputName, [vocabSize, hidden]);
  for (let layer = 0; layer < layers; layer++) {
    const add = (name: string, shape: readonly number[]) => expected.set(layerTensor(layer, name), shape);
    add('input_layernorm.weight', [hidden]);
    add('self_attn.q_proj.weight', [heads * headDim, hidden]);
    add('self_attn.k_proj.weight', [kvHeads * headDim, hidden]);
    add('self_attn.v_proj.weight', [kvHeads * headDim, hidden]);
    add('self_attn.o_proj.weight', [hidden, heads * headDim]);
    if (config.attentionBias) {
      add('self_attn.q_proj.bias', [heads * headDim]);
      add('self_attn.k_proj.bias', [kvHeads * headDim]);
      add('self_attn.v_proj.bias', [kvHeads * headDim]);
    }
    if (config.outputBias) add('self_attn.o_proj.bias', [hidden]);
    add('post_attention_layernorm.weight', [hidden]);
    add('mlp.gate_proj.weight', [intermediate, hidden]);
    add('mlp.up_proj.weight', [intermediate, hidden]);
    add('mlp.down_proj.weight', [hidden, intermediate]);
  }
  return expected;
}

/**
 * @param found tensors of the file by canonical name, ignorable ones left out.
 * @throws InvalidFileError for a missing tensor or another shape; UnsupportedModelError for one too many: the
 *   architecture then does something that the graph would leave out.
 */
export function requireTensors(
  path: string,
  config: CheckpointConfig,
  found: ReadonlyMap<string, CheckpointTensor>,
): void {
  const expected = expectedTensors(config);
  for (const [name, shape] of expected) {
    const tensor = found.get(name);
    if (!tensor) {
      throw new InvalidFileError(
        path,
        `Expected the tensor ${name} of shape [${shape.join(', ')}], but the file lacks it. Get the file again.`,
      );
    }
    if (tensor.shape.length !== shape.length || tensor.shape.some((size, i) => size !== shape[i])) {
      throw new InvalidFileError(
        path,
        `Expected the tensor ${name} of shape [${shape.join(', ')}] (from the model's configuration), ` +
          `found [${tensor.shape.join(', ')}]. The file is damaged or its configuration is another model's.`,
      );
    }
  }
  for (const name of found.keys()) {
    if (!expected.has(name)) {
      throw new UnsupportedModelError(
        `${path}: the tensor ${JSON.stringify(name)} is not part of the ${config.architecture} architecture as ` +
          `kvsteer knows it, and leaving it out would change the model. Use another checkpoint.`,
      );
    }
  }
}
