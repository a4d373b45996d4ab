/** A model's configuration from the `config.json` that transformers writes. */
import { z } from 'zod';
import { InvalidFileError, UnsupportedModelError } from '../../../errors.ts';
import type { RopeConfig } from '../../../tensor/rope.ts';
import type { CheckpointConfig } from './checkpoint.ts';

const count = (most: number) => z.number().int().positive().max(most);
const positive = z.number().positive();

/** RoPE under any of the names that versions of transformers gave it. */
const ropeSchema = z.looseObject({
  rope_type: z.string().optional(),
  type: z.string().optional(),
  rope_theta: positive.optional(),
  factor: positive.optional(),
  low_freq_factor: positive.optional(),
  high_freq_factor: positive.optional(),
  original_max_position_embeddings: count(2 ** 27).optional(),
  partial_rotary_factor: positive.max(1).optional(),
});

const configSchema = z.looseObject({
  model_type: z.string(),
  num_hidden_layers: count(1024),
  num_attention_heads: count(2 ** 12),
  num_key_value_heads: count(2 ** 12).nullish(),
  head_dim: count(2 ** 12).nullish(),
  hidden_size: count(2 ** 17),
  intermediate_size: count(2 ** 20),
  vocab_size: count(2 ** 24),
  max_position_embeddings: count(2 ** 27),
  rms_norm_eps: positive.default(1e-6),
  rope_theta: positive.nullish(),
  rope_scaling: ropeSchema.nullish(),
  rope_parameters: ropeSchema.nullish(),
  tie_word_embeddings: z.boolean().default(false),
  hidden_act: z.string().default('silu'),
  attention_bias: z.boolean().default(false),
  mlp_bias: z.boolean().default(false),
  use_sliding_window: z.boolean().default(false),
});

/**
 * @param json parsed `config.json`.
 * @throws InvalidFileError for missing or senseless fields; UnsupportedModelError for what the graph cannot do.
 */
export function safetensorsConfig(path: string, json: unknown): CheckpointConfig {
  const parsed = configSchema.safeParse(json);
  if (!parsed.success) {
    throw new InvalidFileError(
      path,
      `Expected the configuration of a causal language model. ${z.prettifyError(parsed.error)}. Get the file again.`,
    );
  }
  const config = parsed.data;
  const unsupported = (what: string): never => {
    throw new UnsupportedModelError(
      `${path}: ${what} is not supported by the onnx engine. Use another model.`,
    );
  };
  const architecture = config.model_type;
  if (architecture !== 'llama' && architecture !== 'qwen2') {
    return unsupported(`the architecture ${JSON.stringify(architecture)} (llama and qwen2 are)`);
  }
  if (config.hidden_act !== 'silu') unsupported(`the activation ${JSON.stringify(config.hidden_act)}`);
  if (config.mlp_bias) unsupported('a bias in the MLP');
  if (config.use_sliding_window) unsupported('sliding-window attention');
  const heads = config.num_attention_heads;
  const kvHeads = config.num_key_value_heads ?? heads;
  const headDim = config.head_dim ?? config.hidden_size / heads;
  if (heads % kvHeads !== 0 || !Number.isInteger(headDim) || headDim % 2 !== 0) {
    throw new InvalidFileError(
      path,
      `Expected an even head size and heads as a multiple of KV heads, found head_dim ${headDim}, ${heads} heads ` +
        `and ${kvHeads} KV heads. Get the file again.`,
    );
  }
  return {
    architecture,
    layers: config.num_hidden_layers,
    heads,
    kvHeads,
    headDim,
    hidden: config.hidden_size,
    intermediate: config.intermediate_size,
    vocabSize: config.vocab_size,
    contextLength: config.max_position_embeddings,
    rmsNormEpsilon: config.rms_norm_eps,
    rope: ropeOf(config, headDim, unsupported),
    tiedEmbeddings: config.tie_word_embeddings,
    attentionBias: architecture === 'qwen2' || config.attention_bias,
    outputBias: architecture === 'llama' && config.attention_bias,
  };
}

function ropeOf(
  config: z.infer<typeof configSchema>,
  headDim: number,
  unsupported: (what: string) => never,
): RopeConfig {
  const { rope_parameters, rope_scaling } = config;
  // transformers 5 keeps all in rope_parameters; before, theta stood alone and rope_scaling held the rest
  const rope = rope_parameters ?? rope_scaling ?? {};
  const theta = rope.rope_theta ?? config.rope_theta ?? 10_000;
  if ((rope.partial_rotary_factor ?? 1) !== 1) unsupported('a partial rotary embedding');
  const plain = { theta, rotaryDim: headDim };
  const type = rope.rope_type ?? rope.type ?? 'default';
  if (type === 'default') return plain;
  const { factor, low_freq_factor, high_freq_factor, original_max_position_embeddings } = rope;
  if (type !== 'llama3') unsupported(`RoPE scaling of type ${JSON.stringify(type)}`);
  if (!factor || !low_freq_factor || !high_freq_factor || !original_max_position_embeddings) {
    return unsupported('a llama3 RoPE scaling without all four of its parameters');
  }
  return {
    ...plain,
    scaling: {
      type,
      factor,
      lowFreqFactor: low_freq_factor,
      highFreqFactor: high_freq_factor,
      originalContextLength: original_max_position_embeddings,
    },
  } as RopeConfig;
}
