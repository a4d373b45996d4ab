import { afterAll, beforeAll, describe } from 'vitest';
import type { Engine } from '../src/engine/engine.ts';
import { loadEngine } from '../src/load-engine.ts';
import { testPythonCases } from './python-example.ts';

let engine: Engine;
beforeAll(async () => {
  engine = await loadEngine('tiny', { precision: 'fp32', download: false });
});
afterAll(async () => {
  await engine?.[Symbol.asyncDispose]();
});

describe('a vector gives the tokens that transformers gives', () => {
  testPythonCases('tiny', () => engine);
});
