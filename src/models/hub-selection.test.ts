import { describe, expect, it } from 'vitest';
import { UnsupportedModelError } from '../errors.ts';
import { selectHubFiles } from './hub-selection.ts';

const files = (...paths: string[]) => paths.map((path) => ({ path, size: 10, sha256: null, gitOid: null }));
const chosen = (paths: string[], file: string | null = null) => {
  const { kind, weights, files: selected } = selectHubFiles('o/n', files(...paths), file);
  return { kind, weights, paths: selected.map(({ path }) => path) };
};

describe('selectHubFiles', () => {
  it('prefers the checkpoint to graphs and GGUFs made from it', () => {
    const paths = [
      'config.json',
      'model.safetensors',
      'model.gguf',
      'onnx/model.onnx',
      'tokenizer.json',
      'README.md',
    ];
    expect(chosen(paths)).toEqual({
      kind: 'safetensors',
      weights: null,
      paths: ['model.safetensors', 'config.json', 'tokenizer.json'],
    });
  });

  it('takes all shards with their index, and no duplicate in another layout', () => {
    const shards = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'];
    const paths = ['config.json', 'consolidated.safetensors', ...shards, 'model.safetensors.index.json'];
    expect(chosen(paths).paths).toEqual([...shards, 'model.safetensors.index.json', 'config.json']);
  });

  it('chooses among GGUFs by type, always the same', () => {
    const paths = ['x.Q8_0.gguf', 'x-Q4_K_M.gguf', 'x.Q4_0_4_4.gguf', 'mmproj-x.gguf'];
    expect(chosen(paths).weights).toBe('x-Q4_K_M.gguf');
    expect(chosen([...paths].reverse()).weights).toBe('x-Q4_K_M.gguf');
    expect(chosen(['x-q4_0.gguf', 'x-f16.gguf', 'x-bf16.gguf']).weights).toBe('x-q4_0.gguf');
    expect(chosen(['x-bf16.gguf', 'x-f16.gguf']).weights).toBe('x-f16.gguf');
    expect(chosen(['only.gguf', 'mmproj-only.gguf']).weights).toBe('only.gguf');
  });

  it('takes an ONNX graph with its external data', () => {
    const paths = [
      'config.json',
      'onnx/model.onnx',
      'onnx/model_q4.onnx',
      'onnx/model_q4.onnx_data',
      'onnx/model.onnx_data',
    ];
    expect(chosen(paths).paths).toEqual(['onnx/model_q4.onnx', 'onnx/model_q4.onnx_data', 'config.json']);
    expect(chosen(paths, 'onnx/model.onnx').paths).toEqual([
      'onnx/model.onnx',
      'onnx/model.onnx_data',
      'config.json',
    ]);
  });

  it('refuses what cannot be read, naming what is there', () => {
    expect(() => chosen(['model.safetensors'])).toThrow(/model\.safetensors/);
    expect(() => chosen(['config.json', 'pytorch_model.bin'])).toThrow(UnsupportedModelError);
    expect(() => chosen(['x-00001-of-00002.gguf', 'x-00002-of-00002.gguf'])).toThrow(/several parts/);
    expect(() => chosen(['x.gguf'], 'y.gguf')).toThrow(/has no file y\.gguf/);
    expect(() => chosen(['notes.txt'], 'notes.txt')).toThrow(/not a weights file/);
  });
});
