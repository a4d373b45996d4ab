/** A model's configuration from GGUF metadata. */
import { InvalidFileError, UnsupportedModelError } from '../../../errors.ts';
import type { CheckpointConfig } from './checkpoint.ts';

type Metadata = Readonly<Record<string, unknown>>;

/** What the metadata alone says; the tensors tell the rest. */
export type GgufConfig = Omit<
  CheckpointConfig,
  'vocabSize' | 'tiedEmbeddings' | 'attentionBias' | 'outputBias'
>;

/** @throws InvalidFileError for missing or senseless numbers; UnsupportedModelError for what the graph cannot do. */
export function ggufConfig(path: string, metadata: Metadata): GgufConfig {
  const architecture = own(metadata, 'general.architecture');
  if (typeof architecture !== 'string') {
    throw new InvalidFileError(
      path,
      'Expected the metadata key general.architecture, found none. Get the file again.',
    );
  }
  if (architecture !== 'llama' && architecture !== 'qwen2') {
    throw new UnsupportedModelError(
      `${path}: the architecture is ${JSON.stringify(architecture)}; the onnx engine writes graphs for llama and qwen2. ` +
        'Use a model of these, or the llama engine.',
    );
  }
  const number = (key: string, fallback?: number): number => {
    const name = `${architecture}.${key}`;
    const value = own(metadata, name) ?? fallback;
    if (typeof value === 'number' && Number.isFinite(value) && value > 0) return value;
    throw new InvalidFileError(
      path,
      `Expected a number > 0 for the metadata key ${name}, found ${String(value)}. Get the file again.`,
    );
  };
  const integer = (key: string, most: number, fallback?: number): number => {
    const value = number(key, fallback);
    if (Number.isInteger(value) && value <= most) return value;
    throw new InvalidFileError(
      path,
      `Expected an integer from 1 to ${most} for the metadata key ${architecture}.${key}, found ${value}.`,
    );
  };
  const unsupported = (what: string): never => {
    throw new UnsupportedModelError(
      `${path}: ${what} is not supported by the onnx engine. Use the llama engine.`,
    );
  };

  const scaling = own(metadata, `${architecture}.rope.scaling.type`);
  if (scaling !== undefined && scaling !== 'none')
    unsupported(`RoPE scaling of type ${JSON.stringify(scaling)}`);
  if (own(metadata, `${architecture}.rope.scale_linear`) !== undefined) unsupported('linear RoPE scaling');
  if (own(metadata, `${architecture}.expert_count`)) unsupported('a mixture of experts');
  if (own(metadata, `${architecture}.attention.sliding_window`)) unsupported('sliding-window attention');

  const hidden = integer('embedding_length', 2 ** 17);
  const heads = integer('attention.head_count', 2 ** 12);
  const kvHeads = integer('attention.head_count_kv', heads, heads);
  const headDim = integer('attention.key_length', 2 ** 12, hidden / heads);
  const rotaryDim = integer('rope.dimension_count', headDim, headDim);
  if (integer('attention.value_length', 2 ** 12, headDim) !== headDim) unsupported('a value size of its own');
  if (heads % kvHeads !== 0) {
    throw new InvalidFileError(
      path,
      `Expected heads to be a multiple of KV heads, found ${heads} and ${kvHeads}.`,
    );
  }
  // the converter interleaves whole heads, so which rows rotate would be ambiguous
  if (architecture === 'llama' && rotaryDim !== headDim)
    unsupported('partial rotary embedding in a llama GGUF');
  if (headDim % 2 !== 0 || rotaryDim % 2 !== 0)
    unsupported(`an odd head size (${headDim}, ${rotaryDim} rotating)`);
  return {
    architecture,
    layers: integer('block_count', 1024),
    heads,
    kvHeads,
    headDim,
    hidden,
    intermediate: integer('feed_forward_length', 2 ** 20),
    contextLength: integer('context_length', 2 ** 27),
    rmsNormEpsilon: number('attention.layer_norm_rms_epsilon'),
    rope: { theta: number('rope.freq_base', 10_000), rotaryDim },
  };
}

/** Keys come from the file: `__proto__` and the like are not to be found on Object.prototype. */
function own(metadata: Metadata, key: string): unknown {
  const value = Object.hasOwn(metadata, key) ? metadata[key] : undefined;
  return typeof value === 'bigint' ? Number(value) : value;
}
