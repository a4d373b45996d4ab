/** Opens a folder in the Transformers.js layout: config.json, the tokenizer, and graphs in onnx/. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { UnsupportedModelError } from '../../errors.ts';
import type { Engine, ModelInfo } from '../engine.ts';
import { loadTokenizerFolder } from '../tokenizer/folder.ts';
import { readModelConfig } from './graph/safetensors-checkpoint.ts';
import type { ModelFiles, Precision } from './load-onnx-engine.ts';
import { OnnxEngine } from './onnx-engine.ts';
import { openTransformersJsSession } from './transformersjs-session.ts';

/** Graph files of each precision, best first. The last of `q4` is there so that a folder with one graph opens. */
const graphNames: Record<Precision, readonly string[]> = {
  fp32: ['model.onnx'],
  q4: ['model_q4.onnx', 'model_quantized.onnx', 'model_int8.onnx', 'model_uint8.onnx', 'model.onnx'],
};

/** @throws InvalidFileError, UnsupportedModelError, RuntimeFailureError */
export async function openTransformersJsModel(
  files: ModelFiles,
  options: { readonly precision: Precision; readonly threads: number; readonly kvCacheBytes: number },
): Promise<Engine> {
  const config = await readModelConfig(files.path);
  const names = await readdir(join(files.path, 'onnx'));
  const name = graphNames[options.precision].find((candidate) => names.includes(candidate));
  if (!name) {
    throw new UnsupportedModelError(
      `${files.path}/onnx has no graph for precision ${options.precision} (looked for ${graphNames[options.precision].join(', ')}; there are ${names.filter((other) => other.endsWith('.onnx')).join(', ')}).`,
    );
  }
  const { architecture, layers, heads, kvHeads, headDim, hidden, vocabSize, contextLength, rope } = config;
  const model: ModelInfo = {
    name: files.name,
    architecture,
    layers,
    heads,
    kvHeads,
    headDim,
    hidden,
    vocabSize,
    contextLength,
    rope,
    fingerprint: await hashFiles(join(files.path, 'onnx'), name, names),
  };
  const path = join(files.path, 'onnx', name);
  return await OnnxEngine.open({
    model,
    capabilities: {
      engine: 'onnx',
      precision: name.replace(/^model_?|\.onnx$/g, '') || 'fp32',
      residualTaps: false,
      batching: false,
    },
    tokenizer: await loadTokenizerFolder(files.path),
    kvCacheBytes: options.kvCacheBytes,
    openSession: () => openTransformersJsSession(path, model, options.threads),
  });
}

/** The graph and its external data: `model_q4.onnx`, `model_q4.onnx_data`, `model_q4.onnx_data_1`, ... */
async function hashFiles(folder: string, graph: string, names: readonly string[]): Promise<string> {
  const hash = createHash('sha256');
  for (const name of names.filter((other) => other.startsWith(graph)).sort()) {
    hash.update(`${name}\n`);
    for await (const chunk of createReadStream(join(folder, name))) hash.update(chunk as Buffer);
  }
  return hash.digest('hex');
}
