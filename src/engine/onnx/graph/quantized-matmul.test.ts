import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dequantize, unpackBlocks } from './dequantize.ts';
import { type BlockImage, blockImage, quantizeToEightBits } from './quantized-matmul.ts';
import { isFloatType, storageTypes } from './storage-type.ts';

const path = join(import.meta.dirname, 'fixtures/gguf/blocks.json');
const fixture: Record<string, { bytes: string }> = JSON.parse(readFileSync(path, 'utf8'));

/** The weights that MatMulNBits and the block-sum correction multiply with, as documented by ONNX Runtime. */
function weightsOf({ bits, blockSize, packed, scales, correction }: BlockImage): Float64Array {
  const weights = new Float64Array(scales.length * blockSize);
  const corrected = correction ? weights.length / correction.length : 0;
  for (let i = 0; i < weights.length; i++) {
    const unsigned = bits === 8 ? packed[i]! : (packed[i >> 1]! >> (4 * (i & 1))) & 15;
    const scale = scales[Math.floor(i / blockSize)]!;
    weights[i] = scale * (unsigned - (bits === 8 ? 128 : 8));
    if (correction) weights[i]! += correction[Math.floor(i / corrected)]!;
  }
  return weights;
}

describe('blockImage', () => {
  it.each(storageTypes.filter((type) => !isFloatType(type)))('%s has an exact image', (type) => {
    if (isFloatType(type)) return;
    const bytes = Uint8Array.from(Buffer.from(fixture[type]!.bytes, 'base64'));
    const values = dequantize(type, bytes);
    const largest = Math.max(...values.map(Math.abs));
    const image = blockImage(unpackBlocks(type, bytes));
    weightsOf(image).forEach((weight, i) => {
      // float32 rounding of the correction only
      expect(Math.abs(weight - values[i]!)).toBeLessThanOrEqual(image.correction ? largest * 1e-6 : 0);
    });
    expect(image.correction === null).toBe(['Q4_0', 'Q5_0', 'Q8_0', 'Q6_K'].includes(type));
  });
});

describe('quantizeToEightBits', () => {
  it('is off by at most half a step, and keeps zero', () => {
    const block = fc.array(fc.float({ min: -1e4, max: 1e4, noNaN: true }), { minLength: 32, maxLength: 32 });
    fc.assert(
      fc.property(block, (numbers) => {
        const values = Float32Array.from(numbers);
        const largest = Math.max(...values.map(Math.abs));
        const weights = weightsOf(blockImage(quantizeToEightBits(values)));
        weights.forEach((weight, i) => {
          expect(Math.abs(weight - values[i]!)).toBeLessThanOrEqual((largest / 254) * 1.0001 + 1e-42);
          if (values[i] === 0) expect(Math.abs(weight)).toBe(0);
        });
      }),
    );
  });
});
