import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { InvalidArgumentError, InvalidFileError, KvSteerError, UnsupportedModelError } from '../../errors.ts';
import type { Engine, GenerateEvent } from '../engine.ts';
import { loadOnnxEngine } from './load-onnx-engine.ts';

const file = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const fixture = file('./graph/fixtures/transformersjs-layout');

/** The same weights as this checkpoint's: logits from transformers in float32. */
interface Expected {
  readonly tokens: readonly number[];
  readonly logits: readonly number[];
}

let folder: string;
let engine: Engine;
let expected: readonly Expected[];
const open = (path = folder) =>
  loadOnnxEngine({ name: 'fixture', kind: 'onnx', path, tokenizerFolder: path }, join(tmpdir(), 'unused'), {
    precision: 'fp32',
    threads: 1,
  });

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kvsteer-layout-'));
  await cp(fixture, folder, { recursive: true });
  for (const name of ['tokenizer.json', 'tokenizer_config.json']) {
    await cp(file(`../../../models/tiny/${name}`), join(folder, name));
  }
  expected = JSON.parse(await readFile(file('./graph/fixtures/qwen2-random/expected.json'), 'utf8'));
  engine = await open();
});
afterAll(async () => {
  await engine?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

describe('a folder in the Transformers.js layout', () => {
  it('gives the logits of transformers, whole and in two parts', async () => {
    for (const { tokens, logits } of expected) {
      const whole = await engine.prefill(tokens);
      expectClose(whole.logits, logits);
      await whole.cache[Symbol.asyncDispose]();
      if (tokens.length < 2) continue;
      const first = await engine.prefill(tokens.slice(0, 1));
      const rest = await engine.prefill(tokens.slice(1), { prefix: first.cache });
      expectClose(rest.logits, logits);
      await first.cache[Symbol.asyncDispose]();
      await rest.cache[Symbol.asyncDispose]();
    }
  });

  it('generates for several callers at once as for one', async () => {
    const prompts = expected.filter(({ tokens }) => tokens.length > 1).map(({ tokens }) => tokens);
    const run = async (tokens: readonly number[]) => {
      const { cache } = await engine.prefill(tokens.slice(0, -1));
      await using _ = cache;
      const events: GenerateEvent[] = [];
      const options = { feed: tokens.slice(-1), maxTokens: 8, eosTokenIds: [] };
      for await (const event of engine.generate(cache, options)) events.push(event);
      return events;
    };
    const alone = [];
    for (const tokens of prompts) alone.push(await run(tokens));
    expect(await Promise.all(prompts.map(run))).toEqual(alone);
  });

  it('says that it has no residual taps', async () => {
    expect(engine.capabilities).toMatchObject({ precision: 'fp32', residualTaps: false, batching: false });
    await expect(engine.prefill([1, 2], { hidden: true })).rejects.toBeInstanceOf(InvalidArgumentError);
  });

  it.each([
    [
      'another head size',
      (config: Record<string, unknown>) => ({ ...config, num_attention_heads: 8, num_key_value_heads: 4 }),
    ],
    ['more layers', (config: Record<string, unknown>) => ({ ...config, num_hidden_layers: 3 })],
    ['fewer layers', (config: Record<string, unknown>) => ({ ...config, num_hidden_layers: 1 })],
  ])('is refused where its config.json tells of %s', async (_, change) => {
    const other = await mkdtemp(join(tmpdir(), 'kvsteer-layout-'));
    await cp(folder, other, { recursive: true });
    const config = JSON.parse(await readFile(join(other, 'config.json'), 'utf8'));
    await writeFile(join(other, 'config.json'), JSON.stringify(change(config)));
    await expect(open(other)).rejects.toBeInstanceOf(UnsupportedModelError);
    await rm(other, { recursive: true });
  });

  it.each([
    ['config.json', '{', InvalidFileError],
    ['onnx/model.onnx', 'not a graph', KvSteerError],
  ])('is refused where %s is damaged', async (name, content, error) => {
    const other = await mkdtemp(join(tmpdir(), 'kvsteer-layout-'));
    await cp(folder, other, { recursive: true });
    await writeFile(join(other, name), content);
    await expect(open(other)).rejects.toBeInstanceOf(error);
    await rm(other, { recursive: true });
  });
});

function expectClose(found: Float32Array, wanted: readonly number[]): void {
  expect(found.length).toBe(wanted.length);
  const largest = found.reduce((most, x, i) => Math.max(most, Math.abs(x - wanted[i]!)), 0);
  expect(largest).toBeLessThan(1e-3);
}
