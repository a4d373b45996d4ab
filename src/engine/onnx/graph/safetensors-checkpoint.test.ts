import { cp, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { InvalidFileError, UnsupportedModelError } from '../../../errors.ts';
import { openSafetensorsCheckpoint } from './safetensors-checkpoint.ts';

describe('openSafetensorsCheckpoint', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kvsteer-safetensors-'));
    await cp(join(import.meta.dirname, 'fixtures/qwen2-random'), folder, { recursive: true });
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const configure = async (changes: Record<string, unknown>) => {
    const path = join(folder, 'config.json');
    await writeFile(path, JSON.stringify({ ...JSON.parse(await readFile(path, 'utf8')), ...changes }));
  };

  it('reads the configuration', async () => {
    await using checkpoint = await openSafetensorsCheckpoint(folder);
    expect(checkpoint.config).toMatchObject({
      architecture: 'qwen2',
      layers: 2,
      headDim: 16,
      tiedEmbeddings: true,
      attentionBias: true,
      outputBias: false,
      rope: { theta: 10_000, rotaryDim: 16 },
    });
  });

  it('reads the names that older versions of transformers used for RoPE', async () => {
    const scaling = {
      factor: 32,
      low_freq_factor: 1,
      high_freq_factor: 4,
      original_max_position_embeddings: 8192,
    };
    await configure({
      rope_parameters: undefined,
      rope_theta: 5e5,
      rope_scaling: { rope_type: 'llama3', ...scaling },
    });
    await using checkpoint = await openSafetensorsCheckpoint(folder);
    expect(checkpoint.config.rope).toEqual({
      theta: 5e5,
      rotaryDim: 16,
      scaling: {
        type: 'llama3',
        factor: 32,
        lowFreqFactor: 1,
        highFreqFactor: 4,
        originalContextLength: 8192,
      },
    });
  });

  it('reads sharded weights through their index', async () => {
    const shard = 'model-00001-of-00001.safetensors';
    await rename(join(folder, 'model.safetensors'), join(folder, shard));
    const index = (name: string) =>
      writeFile(join(folder, 'model.safetensors.index.json'), JSON.stringify({ weight_map: { any: name } }));
    await index(shard);
    await using checkpoint = await openSafetensorsCheckpoint(folder);
    expect(checkpoint.tensors.size).toBe(26);
    await index(`../${shard}`);
    await expect(openSafetensorsCheckpoint(folder)).rejects.toThrow(InvalidFileError);
    await index('absent.safetensors');
    await expect(openSafetensorsCheckpoint(folder)).rejects.toThrow(InvalidFileError);
  });

  it.each<[string, Record<string, unknown>]>([
    ['another architecture', { model_type: 'mamba' }],
    ['yarn', { rope_parameters: { rope_type: 'yarn', factor: 4, rope_theta: 1e4 } }],
    ['a sliding window', { use_sliding_window: true }],
    ['another activation', { hidden_act: 'gelu' }],
  ])('refuses %s', async (_, changes) => {
    await configure(changes);
    await expect(openSafetensorsCheckpoint(folder)).rejects.toThrow(UnsupportedModelError);
  });

  it.each<[string, Record<string, unknown>]>([
    ['more layers than it has', { num_hidden_layers: 3 }],
    ['another width', { hidden_size: 128 }],
    ['no heads', { num_attention_heads: 0 }],
    ['heads that do not divide', { num_key_value_heads: 3 }],
  ])('refuses a configuration with %s', async (_, changes) => {
    await configure(changes);
    await expect(openSafetensorsCheckpoint(folder)).rejects.toThrow(InvalidFileError);
  });

  it('refuses fewer layers than it has, because the rest would be left out', async () => {
    await configure({ num_hidden_layers: 1 });
    await expect(openSafetensorsCheckpoint(folder)).rejects.toThrow('is not part of the qwen2 architecture');
  });

  it('refuses a missing or cut file', async () => {
    const weights = join(folder, 'model.safetensors');
    await writeFile(weights, (await readFile(weights)).subarray(0, 100_000));
    await expect(openSafetensorsCheckpoint(folder)).rejects.toThrow(InvalidFileError);
    await rm(weights);
    await expect(openSafetensorsCheckpoint(folder)).rejects.toThrow(InvalidFileError);
    await rm(join(folder, 'config.json'));
    await expect(openSafetensorsCheckpoint(folder)).rejects.toThrow(InvalidFileError);
  });
});
