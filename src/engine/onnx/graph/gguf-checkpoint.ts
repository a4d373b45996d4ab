/** Opens a GGUF file as a checkpoint. Its header is parsed by @huggingface/gguf; ranges are checked here. */
import { open } from 'node:fs/promises';
import { GGMLQuantizationType, type GGUFParseOutput, gguf } from '@huggingface/gguf';
import { InvalidFileError, UnsupportedModelError } from '../../../errors.ts';
import type { Checkpoint, CheckpointConfig } from './checkpoint.ts';
import {
  embeddingName,
  finalNormName,
  layerTensor,
  outputName,
  requireTensors,
} from './checkpoint-tensors.ts';
import { dequantize } from './dequantize.ts';
import { type GgufConfig, ggufConfig } from './gguf-config.ts';
import { llama3ScalingOf } from './llama3-factors.ts';
import { blockLayout, isFloatType, type StorageType, storageTypes } from './storage-type.ts';
import {
  closeFiles,
  type HashedTensor,
  type OpenFile,
  readRange,
  StoredCheckpoint,
  type StoredTensor,
} from './stored-checkpoint.ts';

const layerNames: Readonly<Record<string, string>> = {
  attn_norm: 'input_layernorm',
  attn_q: 'self_attn.q_proj',
  attn_k: 'self_attn.k_proj',
  attn_v: 'self_attn.v_proj',
  attn_output: 'self_attn.o_proj',
  ffn_norm: 'post_attention_layernorm',
  ffn_gate: 'mlp.gate_proj',
  ffn_up: 'mlp.up_proj',
  ffn_down: 'mlp.down_proj',
};

const ropeFactorsName = 'rope_freqs.weight';

/**
 * q and k rows of llama-architecture files are stored with interleaved rotary pairs and come back in half-split order
 * (qwen2 files are half-split already). `rope_freqs.weight` becomes llama3 scaling.
 *
 * @param path of a local, single-file GGUF (versions 1 to 3, little-endian).
 * @throws InvalidFileError for a damaged file; UnsupportedModelError for another architecture, tensor type or RoPE.
 */
export async function openGgufCheckpoint(path: string): Promise<Checkpoint> {
  const header = await parseHeader(path);
  const handle = await open(path, 'r');
  const file: OpenFile = { path, handle };
  try {
    return await fromHeader(file, (await handle.stat()).size, header);
  } catch (error) {
    await closeFiles([file]);
    throw error;
  }
}

async function parseHeader(path: string): Promise<GGUFParseOutput> {
  let header: GGUFParseOutput;
  try {
    header = await gguf(path, { allowLocalFile: true });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new InvalidFileError(path, `Expected a GGUF file, but its header cannot be read: ${reason}`, {
      cause,
    });
  }
  if (!header.littleEndian)
    throw new UnsupportedModelError(`${path}: big-endian GGUF files are not supported.`);
  return header;
}

async function fromHeader(file: OpenFile, fileSize: number, header: GGUFParseOutput): Promise<Checkpoint> {
  const { path } = file;
  // the parser sees zeros past the end of the file: fewer or other tensors, without a complaint
  const headerEnd = header.tensorInfoByteRange[1];
  if (headerEnd > fileSize) {
    throw new InvalidFileError(
      path,
      `Expected a header of at least ${headerEnd} bytes, but the file has ${fileSize}. It was cut off: get it again.`,
    );
  }
  const ggufMetadata = header.metadata as unknown as Readonly<Record<string, unknown>>;
  const partial = ggufConfig(path, ggufMetadata);
  const tensors = new Map<string, StoredTensor>();
  const hashed = new Map<string, HashedTensor>();
  let ropeFactors: HashedTensor | undefined;
  for (const info of header.tensorInfos) {
    const stored = locate(file, fileSize, header.tensorDataOffset, info);
    if (hashed.has(stored.storedName)) {
      throw new InvalidFileError(path, `The tensor ${JSON.stringify(stored.storedName)} comes twice.`);
    }
    hashed.set(stored.storedName, stored);
    if (stored.storedName === ropeFactorsName) {
      ropeFactors = stored;
      continue;
    }
    const name = canonicalName(stored.storedName);
    const { type, shape, offset, byteLength } = stored;
    const interleaved = partial.architecture === 'llama' && /self_attn\.[qk]_proj/.test(name);
    tensors.set(name, {
      name,
      shape,
      type,
      file,
      offset,
      byteLength,
      ...(interleaved ? { interleavedHead: partial.headDim } : {}),
    });
  }
  const config: CheckpointConfig = {
    ...partial,
    rope: await ropeOf(path, partial, ropeFactors),
    vocabSize: tensors.get(embeddingName)?.shape[0] ?? 0,
    tiedEmbeddings: !tensors.has(outputName),
    attentionBias: tensors.has(layerTensor(0, 'self_attn.q_proj.bias')),
    outputBias: tensors.has(layerTensor(0, 'self_attn.o_proj.bias')),
  };
  requireTensors(path, config, tensors);
  return new StoredCheckpoint({
    path,
    format: 'gguf',
    config,
    tensors,
    hashed: [...hashed.values()],
    files: [file],
    ggufMetadata,
  });
}

/** Bounds one tensor's claims by the file. */
function locate(
  file: OpenFile,
  fileSize: number,
  dataOffset: bigint,
  info: GGUFParseOutput['tensorInfos'][number],
): HashedTensor & { readonly type: StorageType } {
  const name = JSON.stringify(info.name);
  const typeName = GGMLQuantizationType[info.dtype];
  const type = storageTypes.find((known) => known === typeName);
  if (!type) {
    throw new UnsupportedModelError(
      `${file.path}: the tensor ${name} is stored as ${typeName ?? `type ${info.dtype}`}, which is not supported. ` +
        `Use a file with ${storageTypes.join(', ')}.`,
    );
  }
  // ggml writes the fastest dimension first
  const shape = info.shape.map(Number).reverse();
  const rowLength = shape.at(-1) ?? 0;
  const { elements, bytes } = blockLayout(type);
  const weights = shape.reduce((product, size) => product * size, 1);
  const byteLength = (weights / elements) * bytes;
  const offset = Number(dataOffset) + Number(info.offset);
  const end = offset + byteLength;
  if (shape.length < 1 || shape.length > 2 || weights < 1 || rowLength % elements !== 0) {
    throw new InvalidFileError(
      file.path,
      `Expected the tensor ${name} to be a vector or matrix with rows of whole ${type} blocks (${elements}), found ` +
        `[${shape.join(', ')}]. The file is damaged: get it again.`,
    );
  }
  if (!(Number.isSafeInteger(end) && end <= fileSize)) {
    throw new InvalidFileError(
      file.path,
      `The tensor ${name} would end at byte ${end}, but the file has ${fileSize}. It was cut off: get it again.`,
    );
  }
  return { storedName: info.name, type, shape, file, offset, byteLength };
}

function canonicalName(stored: string): string {
  if (stored === 'token_embd.weight') return embeddingName;
  if (stored === 'output_norm.weight') return finalNormName;
  if (stored === 'output.weight') return outputName;
  const match = /^blk\.(\d{1,4})\.([a-z_]+)\.(weight|bias)$/.exec(stored);
  const known = match && Object.hasOwn(layerNames, match[2]!) ? layerNames[match[2]!] : undefined;
  // an unknown name stays as it is, for the complaint about it
  return match && known ? layerTensor(Number(match[1]), `${known}.${match[3]}`) : stored;
}

async function ropeOf(
  path: string,
  { rope }: GgufConfig,
  factors: HashedTensor | undefined,
): Promise<CheckpointConfig['rope']> {
  if (!factors) return rope;
  const { type, shape, file, offset, byteLength } = factors;
  if (!isFloatType(type as StorageType) || shape.length !== 1 || shape[0] !== rope.rotaryDim / 2) {
    throw new InvalidFileError(
      path,
      `Expected ${ropeFactorsName} to hold ${rope.rotaryDim / 2} floats, found ${type} [${shape.join(', ')}].`,
    );
  }
  const divisors = dequantize(type as StorageType, await readRange(file, offset, byteLength));
  const scaling = llama3ScalingOf(divisors, rope.theta);
  if (scaling === null) {
    throw new UnsupportedModelError(
      `${path}: ${ropeFactorsName} is not a llama3 RoPE scaling, the only one supported. Use the llama engine.`,
    );
  }
  return scaling ? { ...rope, scaling } : rope;
}
