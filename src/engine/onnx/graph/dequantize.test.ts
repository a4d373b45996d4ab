import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { dequantize, unpackBlocks } from './dequantize.ts';
import { type BlockType, isFloatType, storageTypes } from './storage-type.ts';

const path = join(import.meta.dirname, 'fixtures/gguf/blocks.json');
const fixture: Record<string, { bytes: string; values: string }> = JSON.parse(readFileSync(path, 'utf8'));
const decode = (text: string) => Uint8Array.from(Buffer.from(text, 'base64'));

describe.each(storageTypes)('%s', (type) => {
  const bytes = decode(fixture[type]!.bytes);
  const values = new Float32Array(decode(fixture[type]!.values).buffer);

  it('dequantises to what ggml gives, to the bit', () => {
    expect(dequantize(type, bytes)).toEqual(values);
  });

  it('reads bytes at any offset of their buffer', () => {
    const shifted = new Uint8Array(bytes.length + 1);
    shifted.set(bytes, 1);
    expect(dequantize(type, shifted.subarray(1))).toEqual(values);
  });
});

describe('unpackBlocks', () => {
  it.each(storageTypes.filter((type) => !isFloatType(type)))(
    '%s keeps its integers within twice the centre',
    (type) => {
      const bytes = decode(fixture[type]!.bytes);
      const { quants, centre, scales, minima, size } = unpackBlocks(type as BlockType, bytes);
      expect(Math.max(...quants)).toBeLessThan(2 * centre);
      expect(scales).toHaveLength(quants.length / size);
      if (minima) expect(minima).toHaveLength(scales.length);
    },
  );
});
