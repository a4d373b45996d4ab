import { afterAll, beforeAll, describe } from 'vitest';
import type { Engine } from '../src/engine/engine.ts';
import { loadEngine } from '../src/load-engine.ts';
import { testPythonCases } from './python-example.ts';

let engine: Engine;
beforeAll(async () => {
  engine = await loadEngine('smollm2-135m-instruct', { precision: 'fp32', download: false });
});
afterAll(async () => {
  await engine?.[Symbol.asyncDispose]();
});

describe('a vector gives the tokens that transformers gives', () => {
  testPythonCases('smollm2-135m-instruct', () => engine);
});
