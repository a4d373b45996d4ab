/** All weights of a decoder, as written to the weight file: what both graphs refer to. */
import { float32ToFloat16 } from '../../../tensor/float16.ts';
import { ropeCosSin } from '../../../tensor/rope.ts';
import type { KvPrecision } from '../kv-precision.ts';
import { embeddingName, finalNormName, layerTensor, outputName } from './checkpoint-tensors.ts';
import type { WeightRef } from './graph-builder.ts';
import {
  canFuse,
  type Matrix,
  type MatrixSource,
  type MatrixUse,
  writeMatrix,
  writeVector,
} from './matrix-weights.ts';

/** A product and its bias. */
export interface Linear {
  readonly matrix: Matrix;
  readonly bias: WeightRef | null;
}

export interface LayerWeights {
  readonly attentionNorm: WeightRef;
  /** One product of q, k and v rows, or three where their stored types differ. */
  readonly qkv: readonly [Linear] | readonly [Linear, Linear, Linear];
  readonly attentionOutput: Linear;
  readonly mlpNorm: WeightRef;
  /** One product of gate and up rows, or two where their stored types differ. */
  readonly gateUp: readonly [Linear] | readonly [Linear, Linear];
  readonly down: Linear;
}

export interface DecoderWeights {
  /** [V, C], not transposed. */
  readonly embedding: Matrix;
  /** [V, C], not transposed; the same object as `embedding` where they are tied. */
  readonly output: Matrix;
  readonly finalNorm: WeightRef;
  readonly layers: readonly LayerWeights[];
  /** [maxPositions, rotaryDim / 2] for each precision of keys and values. */
  readonly rope: Readonly<Record<KvPrecision, { readonly cos: WeightRef; readonly sin: WeightRef }>>;
}

export async function writeDecoderWeights(
  source: MatrixSource,
  maxPositions: number,
): Promise<DecoderWeights> {
  const { config, tensors } = source.checkpoint;
  const { cos, sin } = ropeCosSin(config.rope, maxPositions);
  const tableShape = [maxPositions, config.rope.rotaryDim / 2];
  const rope = {
    fp32: {
      cos: await source.file.add('float32', tableShape, cos),
      sin: await source.file.add('float32', tableShape, sin),
    },
    fp16: {
      cos: await source.file.add('float16', tableShape, float32ToFloat16(cos)),
      sin: await source.file.add('float16', tableShape, float32ToFloat16(sin)),
    },
  };
  const embedding = await writeMatrix(source, [embeddingName], 'table');
  const output = config.tiedEmbeddings ? embedding : await writeMatrix(source, [outputName], 'table');

  const weightsOf = (...names: string[]) => names.map((name) => `${name}.weight`);
  const linear = async (use: MatrixUse, ...names: string[]): Promise<Linear> => {
    const matrix = await writeMatrix(source, weightsOf(...names), use);
    const biases = names.map((name) => `${name}.bias`);
    const bias = tensors.has(biases[0]!) ? await writeVector(source, biases) : null;
    return { matrix, bias };
  };

  const layers: LayerWeights[] = [];
  for (let layer = 0; layer < config.layers; layer++) {
    const at = (name: string) => layerTensor(layer, name);
    const [q, k, v] = [at('self_attn.q_proj'), at('self_attn.k_proj'), at('self_attn.v_proj')];
    const [gate, up] = [at('mlp.gate_proj'), at('mlp.up_proj')];
    layers.push({
      attentionNorm: await writeVector(source, [at('input_layernorm.weight')]),
      qkv: canFuse(source, weightsOf(q, k, v))
        ? [await linear('sensitiveProduct', q, k, v)]
        : [
            await linear('sensitiveProduct', q),
            await linear('sensitiveProduct', k),
            await linear('sensitiveProduct', v),
          ],
      attentionOutput: await linear('sensitiveProduct', at('self_attn.o_proj')),
      mlpNorm: await writeVector(source, [at('post_attention_layernorm.weight')]),
      gateUp: canFuse(source, weightsOf(gate, up))
        ? [await linear('product', gate, up)]
        : [await linear('product', gate), await linear('product', up)],
      down: await linear('product', at('mlp.down_proj')),
    });
  }
  const finalNorm = await writeVector(source, [finalNormName]);
  return { embedding, output, finalNorm, layers, rope };
}
