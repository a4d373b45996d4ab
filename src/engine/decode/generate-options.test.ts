import { describe, expect, it } from 'vitest';
import { InvalidArgumentError } from '../../errors.ts';
import type { GenerateOptions } from '../engine.ts';
import { checkGenerateOptions } from './generate-options.ts';

const model = { vocabSize: 100, layers: 4, hidden: 3 };
const check = (options: unknown) =>
  checkGenerateOptions({ feed: [1], ...(options as Partial<GenerateOptions>) }, model, { eosTokenIds: [2] });

describe('checkGenerateOptions', () => {
  it('fills in the defaults', () => {
    const { seed, ...checked } = check({ topK: undefined });
    expect(checked).toEqual({
      feed: [1],
      maxTokens: 256,
      temperature: 0,
      topK: 0,
      topP: 1,
      minP: 0,
      repetitionPenalty: 1,
      history: [],
      stop: [],
      eosTokenIds: [2],
      residual: [],
      logprobs: false,
    });
    expect(Number.isSafeInteger(seed)).toBe(true);
    expect(check({}).seed).not.toBe(seed);
  });

  it('keeps what is given, at the ends of the ranges too', () => {
    const { signal } = new AbortController();
    const given = {
      feed: [0, 99],
      maxTokens: 1,
      temperature: 10,
      topK: 1000,
      topP: 0.01,
      minP: 1,
      repetitionPenalty: 10,
      history: [5],
      seed: -3,
      stop: ['\n'],
      eosTokenIds: [],
      residual: [{ layer: 3, offset: new Float32Array(3) }],
      logprobs: true,
      signal,
    };
    expect(check(given)).toEqual(given);
  });

  it.each([
    ['feed', []],
    ['feed', [100]],
    ['feed', [-1]],
    ['feed', [1.5]],
    ['feed', 'text'],
    ['history', [100]],
    ['eosTokenIds', ['2']],
    ['maxTokens', 0],
    ['maxTokens', 2.5],
    ['maxTokens', Number.POSITIVE_INFINITY],
    ['temperature', -0.1],
    ['temperature', 10.1],
    ['temperature', Number.NaN],
    ['temperature', '1'],
    ['topK', -1],
    ['topK', 0.5],
    ['topP', 0],
    ['topP', 1.01],
    ['minP', -0.01],
    ['minP', 1.01],
    ['repetitionPenalty', 0],
    ['repetitionPenalty', 10.5],
    ['seed', 0.5],
    ['seed', 2 ** 53],
    ['stop', '\n'],
    ['stop', ['']],
    ['residual', {}],
    ['residual', [{ layer: 4, offset: new Float32Array(3) }]],
    ['residual', [{ layer: 0, offset: new Float32Array(2) }]],
    ['residual', [{ layer: 0, offset: [1, 2, 3] }]],
    ['residual', [{ layer: 0, offset: Float32Array.of(1, Number.NaN, 3) }]],
    ['logprobs', 1],
    ['signal', {}],
  ])('refuses %s = %o', (name, value) => {
    const checking = () => check({ [name]: value });
    expect(checking).toThrow(InvalidArgumentError);
    expect(checking).toThrow(expect.objectContaining({ argument: name }));
    expect(checking).toThrow(name);
  });

  it('says the range and what was found', () => {
    expect(() => check({ temperature: 11 })).toThrow('temperature must be a number in [0, 10], not 11.');
    expect(() => check({ topP: 0 })).toThrow('topP must be a number in (0, 1], not 0.');
    expect(() => check({ topK: -1 })).toThrow('topK must be a safe integer, 0 or more, not -1.');
    expect(() => check({ seed: 0.5 })).toThrow('seed must be a safe integer, not 0.5.');
  });
});
