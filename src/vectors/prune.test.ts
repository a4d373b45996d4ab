import { describe, expect, it } from 'vitest';
import { InvalidArgumentError } from '../errors.ts';
import { byteTokenizer as tokenizer } from '../pairs/byte-tokenizer.test-support.ts';
import { memoryModel as model } from './memory-engine.test-support.ts';
import { chooseHeads, keepHeads, pruneByNorm, pruneByReliability } from './prune.ts';
import { makeVector, modelIdentity } from './vector.ts';

/** 3 layers, 2 heads of 8: every number of a head is its index 0 to 5, in keys the negative. */
const perHead = (sign: number) => Float32Array.from({ length: 48 }, (_, i) => sign * Math.floor(i / 8));
const vector = makeVector({
  keys: perHead(-1),
  values: perHead(1),
  keyMode: 'unrotated',
  model: modelIdentity({ model, tokenizer }),
  centroids: [{ keys: perHead(-2), values: perHead(2), state: perHead(3), pairs: 4 }],
});
const heads = (tensor: Float32Array) => Array.from({ length: 6 }, (_, h) => tensor[h * 8 + 7]! + 0);

describe('keepHeads', () => {
  it('zeroes keys and values of all other heads, in centroids too, and says which stayed', () => {
    const pruned = keepHeads(vector, [[], [1], [1, 0]]);
    expect(heads(pruned.values)).toEqual([0, 0, 0, 3, 4, 5]);
    expect(heads(pruned.keys)).toEqual([0, 0, 0, -3, -4, -5]);
    expect(heads(pruned.centroids![0]!.values)).toEqual([0, 0, 0, 6, 8, 10]);
    expect(pruned.centroids![0]!.state).toEqual(perHead(3));
    expect(pruned.keptHeads).toEqual([[], [1], [0, 1]]);
    expect(heads(vector.values)).toEqual([0, 1, 2, 3, 4, 5]);
    const again = keepHeads(pruned, [[0], [0, 1], [0]]);
    expect(again.keptHeads).toEqual([[], [1], [0]]);
    expect(heads(again.values)).toEqual([0, 0, 0, 3, 4, 0]);
  });

  it('refuses heads and layers that the vector does not have', () => {
    expect(() => keepHeads(vector, [[], [2], []])).toThrow(InvalidArgumentError);
    expect(() => keepHeads(vector, [[], []])).toThrow(/each of 3 layers/);
  });
});

describe('pruning', () => {
  it('by norm keeps the top heads of the layers from 1 on', () => {
    expect(pruneByNorm(vector, { top: 2 }).keptHeads).toEqual([[], [], [0, 1]]);
    expect(pruneByNorm(vector, { atLeast: 3 * Math.sqrt(8) - 1e-9 }).keptHeads).toEqual([[], [1], [0, 1]]);
    expect(pruneByNorm(vector, { top: 0 }).values).toEqual(new Float32Array(48));
    expect(() => pruneByNorm(vector, { top: 1.5 })).toThrow(InvalidArgumentError);
  });

  it('by reliability needs what extraction records', () => {
    expect(() => pruneByReliability(vector, { atLeast: 0.9 })).toThrow(/Extract it again, or prune by norm/);
    const layers = [0, 0, 0];
    const cosines = { overall: 0, layers };
    const values = [
      [1, 1],
      [0.95, 0.2],
      [0.5, 0.9],
    ];
    const measured = makeVector({
      ...vector,
      statistics: {
        positions: { positive: 1, negative: 1 },
        splitHalf: { keys: cosines, values: cosines },
        headSplitHalf: { keys: values, values },
        artefact: { cosine: cosines, shareLeft: cosines, postRopeNorm: 1, unrotatedNorm: 1 },
      },
    });
    expect(pruneByReliability(measured, { atLeast: 0.9 }).keptHeads).toEqual([[], [0], [1]]);
    expect(pruneByReliability(measured, { top: 3 }).keptHeads).toEqual([[], [0], [0, 1]]);
  });

  it('breaks ties in order', () => {
    const scores = [2, 1, 1, 2].map((score, i) => ({ layer: i % 2, head: i >> 1, score }));
    expect(chooseHeads(scores, { top: 3 }, 2)).toEqual([[0, 1], [1]]);
  });
});
