/** `kvsteer/tensor`: float32 maths, RoPE and the safetensors codec. Pure and browser-safe. */
export { bfloat16ToFloat32, float16ToFloat32, float32ToBfloat16, float32ToFloat16 } from './float16.ts';
export { argmax, logSumExp, softmax } from './logits.ts';
export { addScaled, cosine, dot, norm } from './maths.ts';
export { Moments, type MomentsState } from './moments.ts';
export { gaussian, type Random, seededRandom } from './random.ts';
export {
  type Llama3Scaling,
  moveRotation,
  type RopeConfig,
  type RopeTables,
  ropeCosSin,
  ropeInverseFrequencies,
  rotateHeads,
  unrotateHeads,
} from './rope.ts';
export { halfSplitToInterleaved, interleavedToHalfSplit } from './rope-layout.ts';
export { dtypeBytes, type SafetensorsDtype } from './safetensors/dtype.ts';
export {
  parseSafetensorsHeader,
  type SafetensorsEntry,
  type SafetensorsHeader,
  safetensorsHeaderBytes,
  safetensorsPrefixBytes,
} from './safetensors/header.ts';
export type { SafetensorsLimits } from './safetensors/limits.ts';
export {
  readSafetensors,
  type Safetensors,
  type SafetensorsTensor,
  type ToFloat32Options,
  tensorToFloat32,
} from './safetensors/read.ts';
export { type SafetensorsInput, writeSafetensors } from './safetensors/write.ts';
