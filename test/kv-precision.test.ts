/** Steering over float16 keys and values, on the bundled model, against the tokens that PyTorch gives in float32. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Engine } from '../src/engine/engine.ts';
import { loadEngine } from '../src/load-engine.ts';
import { generate } from '../src/steer/steer.ts';
import { testPythonCases } from './python-example.ts';

let engine: Engine;
beforeAll(async () => {
  engine = await loadEngine('tiny', { precision: 'fp32', kvPrecision: 'fp16', download: false });
});
afterAll(async () => {
  await engine?.[Symbol.asyncDispose]();
});

describe('a vector over float16 keys and values gives the tokens that transformers gives in float32', () => {
  testPythonCases('tiny', () => engine);
});

it('plain answers are those of PyTorch, logits within 0.005', async () => {
  const path = fileURLToPath(new URL('../models/tiny/parity.json', import.meta.url));
  const { cases } = JSON.parse(readFileSync(path, 'utf8')) as {
    cases: { ids: number[]; logits: number[]; greedy: number[] }[];
  };
  for (const expected of cases) {
    const { cache, logits } = await engine.prefill(expected.ids);
    await cache[Symbol.asyncDispose]();
    const largest = logits.reduce((most, x, i) => Math.max(most, Math.abs(x - expected.logits[i]!)), 0);
    expect(largest).toBeLessThan(5e-3);
    const { tokens } = await generate(engine, expected.ids, { maxTokens: expected.greedy.length });
    expect(tokens).toEqual(expected.greedy);
  }
});

it('the engine says what it keeps', () => {
  expect(engine.capabilities.precision).toBe('fp32-kv16');
});
