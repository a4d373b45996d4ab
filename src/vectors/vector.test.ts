import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { InvalidArgumentError, InvalidFileError, ModelMismatchError } from '../errors.ts';
import { byteTokenizer as tokenizer } from '../pairs/byte-tokenizer.test-support.ts';
import { cosine, norm } from '../tensor/maths.ts';
import { inspectVector } from './inspect-vector.ts';
import { memoryModel as model } from './memory-engine.test-support.ts';
import { randomVector } from './random-vector.ts';
import { makeVector, modelIdentity } from './vector.ts';
import { loadVector, saveVector } from './vector-file.ts';
import { assertVectorFits } from './vector-fits.ts';

const vector = makeVector({
  keys: Float32Array.from({ length: 48 }, (_, i) => i + 1),
  values: Float32Array.from({ length: 48 }, (_, i) => (i < 16 ? 0 : Math.sin(i))),
  keyMode: 'unrotated',
  model: modelIdentity({ model, tokenizer }),
});

describe('makeVector', () => {
  it('copies the tensors and refuses what does not fit', () => {
    const keys = new Float32Array(48);
    const made = makeVector({ ...vector, keys });
    keys.fill(1);
    expect(made.keys[0]).toBe(0);
    expect(() => makeVector({ ...vector, keys: new Float32Array(47) })).toThrow(/keys \[3, 2, 8\] = 48/);
    expect(() => makeVector({ ...vector, values: keys.fill(Number.NaN) })).toThrow(InvalidArgumentError);
  });

  it('keeps a local path out of the identity, and a hub id in it', () => {
    const nameOf = (name: string) => modelIdentity({ model: { ...model, name }, tokenizer }).name;
    expect(nameOf('/home/someone/models/small.gguf')).toBe('small.gguf');
    expect(nameOf('./models/small/')).toBe('small');
    expect(nameOf('C:\\models\\small.gguf')).toBe('small.gguf');
    expect(nameOf('HuggingFaceTB/SmolLM2-135M-Instruct')).toBe('HuggingFaceTB/SmolLM2-135M-Instruct');
  });
});

describe('assertVectorFits', () => {
  it('accepts the model it was made for', () => {
    assertVectorFits(vector, model, tokenizer);
    assertVectorFits(vector, { ...model, name: 'renamed', vocabSize: 1 }, tokenizer);
  });

  it.each([
    [
      'fingerprint',
      { ...model, fingerprint: 'beef' },
      tokenizer,
      /memory \(weights fingerprint: f00d\).*beef/,
    ],
    ['RoPE', { ...model, rope: { theta: 1, rotaryDim: 8 } }, tokenizer, /theta 10000, 8.*theta 1, 8/],
    ['template', model, { ...tokenizer, chatTemplateHash: null }, /chat template hash: chatml.*none/],
  ])('refuses another %s, naming both sides, unless forced', (_, other, otherTokenizer, message) => {
    expect(() => assertVectorFits(vector, other, otherTokenizer)).toThrow(ModelMismatchError);
    expect(() => assertVectorFits(vector, other, otherTokenizer)).toThrow(message);
    assertVectorFits(vector, other, otherTokenizer, { force: true });
  });

  it('never lets another shape pass', () => {
    const wide = { ...model, kvHeads: 4 };
    expect(() => assertVectorFits(vector, wide, tokenizer, { force: true })).toThrow(
      /2 KV heads.*4 KV heads/,
    );
  });
});

describe('randomVector', () => {
  it('has the norms of each layer and nothing else of the vector', () => {
    const random = randomVector(vector, 7);
    for (const part of ['keys', 'values'] as const) {
      for (let layer = 0; layer < 3; layer++) {
        const of = (tensor: Float32Array) => tensor.subarray(layer * 16, layer * 16 + 16);
        expect(norm(of(random[part])) / (norm(of(vector[part])) || 1)).toBeCloseTo(
          norm(of(vector[part])) ? 1 : 0,
          5,
        );
      }
      expect(Math.abs(cosine(random[part], vector[part]))).toBeLessThan(0.5);
    }
    expect(random.aggregation).toBe('random');
    expect(randomVector(vector, 7).keys).toEqual(random.keys);
    expect(randomVector(vector, 8).keys).not.toEqual(random.keys);
  });
});

describe('inspectVector', () => {
  it('gives norms by layer and head, and means from layer 1 on', () => {
    const { keyNorms, valueNorms, meanValueNorm, statistics } = inspectVector(vector);
    expect(keyNorms[0]![0]).toBeCloseTo(Math.sqrt(204), 4);
    expect(valueNorms[0]).toEqual([0, 0]);
    const heads = valueNorms.slice(1).flat();
    expect(meanValueNorm).toBeCloseTo(heads.reduce((a, b) => a + b) / 4, 10);
    expect(statistics).toBeNull();
  });
});

describe('saveVector and loadVector', () => {
  const folder = mkdtempSync(join(tmpdir(), 'kvsteer-vector-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  it('write, overwrite and read, leaving nothing else behind', async () => {
    const path = join(folder, 'new', 'a.safetensors');
    await saveVector(randomVector(vector, 1), path);
    await saveVector(vector, path);
    expect(await loadVector(path)).toEqual(vector);
    expect(readdirSync(join(folder, 'new'))).toEqual(['a.safetensors']);
  });

  it('name the path of a file that is missing, a folder, empty, or in the way', async () => {
    const absent = join(folder, 'absent.safetensors');
    await expect(loadVector(absent)).rejects.toThrow(new RegExp(`${absent}: cannot be read`));
    await expect(loadVector(folder)).rejects.toThrow(InvalidFileError);
    writeFileSync(absent, '');
    await expect(loadVector(absent)).rejects.toThrow(/at least 8 bytes, found 0/);
    await expect(saveVector(vector, join(absent, 'x'))).rejects.toThrow(/cannot be written/);
    await expect(saveVector(vector, folder)).rejects.toThrow(/cannot be written/);
    expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });
});
