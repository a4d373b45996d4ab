/** A made-up decoder of a few thousand weights: enough graph to tell whether a way of running graphs works. */
import { seededRandom } from '../../../tensor/random.ts';
import type { Checkpoint, CheckpointConfig, CheckpointTensor } from '../graph/checkpoint.ts';
import { expectedTensors } from '../graph/checkpoint-tensors.ts';

const config: CheckpointConfig = {
  architecture: 'llama',
  layers: 2,
  heads: 4,
  kvHeads: 2,
  headDim: 32,
  hidden: 128,
  intermediate: 256,
  vocabSize: 320,
  contextLength: 1024,
  rmsNormEpsilon: 1e-5,
  rope: { theta: 10_000, rotaryDim: 32 },
  tiedEmbeddings: true,
  attentionBias: false,
  outputBias: false,
};

export function miniatureCheckpoint(): Checkpoint {
  const random = seededRandom(1);
  const data = new Map<string, Float32Array<ArrayBuffer>>();
  const tensors = new Map<string, CheckpointTensor>();
  for (const [name, shape] of expectedTensors(config)) {
    const size = shape.reduce((a, b) => a * b, 1);
    const around = shape.length === 1 ? 1 : 0;
    data.set(
      name,
      Float32Array.from({ length: size }, () => around + (random() - 0.5) / 4),
    );
    tensors.set(name, { name, shape, type: 'F32', byteLength: size * 4 });
  }
  const rows = (name: string, first: number, count: number) => {
    const [, width = 1] = tensors.get(name)!.shape;
    return new Uint8Array(data.get(name)!.slice(first * width, (first + count) * width).buffer);
  };
  return {
    path: 'miniature',
    format: 'safetensors',
    config,
    tensors,
    readRows: async (name, first, count) => rows(name, first, count),
    read: async (name) => rows(name, 0, tensors.get(name)!.shape[0]!),
    fingerprint: async () => '0'.repeat(64),
    [Symbol.asyncDispose]: async () => {},
  };
}
