/** Against files written by the Python library; they lie beside the project's checkout, not in it. */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { norm } from '../maths.ts';
import { parseSafetensorsHeader, safetensorsHeaderBytes } from './header.ts';
import { readSafetensors, type SafetensorsTensor, tensorToFloat32 } from './read.ts';
import { writeSafetensors } from './write.ts';

const folder = fileURLToPath(new URL('../../../test/goldens/', import.meta.url));
const present = existsSync(folder);
const load = (name: string) => new Uint8Array(readFileSync(folder + name));

describe(present ? 'golden files' : `golden files (skipped: no folder ${folder})`, () => {
  // Expected numbers: safetensors 0.8.0 and numpy in Python, norms in float64.
  it.skipIf(!present)('reads the mean vectors', () => {
    const { tensors, metadata } = readSafetensors(load('vectors.safetensors'), 'vectors.safetensors');
    expect(tensors.size).toBe(62);
    expect(metadata.values).toBe('cached V, same');
    const keys = tensors.get('keys')!;
    expect(keys).toMatchObject({ dtype: 'F32', shape: [30, 3, 64] });
    const floats = tensorToFloat32(keys);
    expect([...floats.subarray(0, 3)]).toEqual([0.660892904, -0.169728279, -0.359496534].map(Math.fround));
    expect(norm(floats)).toBeCloseTo(84.8108881131, 9);
    expect(norm(tensorToFloat32(tensors.get('values')!))).toBeCloseTo(25.4088544576, 9);
    expect(norm(tensorToFloat32(tensors.get('values.layer.29')!))).toBeCloseTo(10.5838796324, 9);
  });

  it.skipIf(!present).each([
    ['vectors.safetensors', 62],
    ['pair_kv_last_token.safetensors', 32],
    ['prompt_kv_before_edit.safetensors', 240],
  ])('reads %s by its header alone and writes it back', (name, count) => {
    const file = load(name);
    const needed = safetensorsHeaderBytes(file.subarray(0, 8), file.length, name);
    expect(parseSafetensorsHeader(file.subarray(0, needed), file.length, name).tensors.size).toBe(count);
    const { tensors, metadata } = readSafetensors(file, name);
    const inputs = [...tensors].map(
      ([key, tensor]) => [key, { shape: tensor.shape, data: tensorToFloat32(tensor) }] as const,
    );
    const again = readSafetensors(writeSafetensors(new Map(inputs), metadata), name);
    expect(again.metadata).toEqual(metadata);
    expect(again.tensors.size).toBe(count);
    const bytes = (tensor: SafetensorsTensor) => Buffer.from(tensor.data);
    for (const [key, tensor] of tensors) {
      expect(bytes(again.tensors.get(key)!).equals(bytes(tensor))).toBe(true);
    }
  });
});
