import { describe, expect, it } from 'vitest';
import { byteTokenizer as tokenizer } from '../pairs/byte-tokenizer.test-support.ts';
import { MemoryCache, memoryModel as model } from '../vectors/memory-engine.test-support.ts';
import { keepHeads } from '../vectors/prune.ts';
import { type Centroid, makeVector, modelIdentity } from '../vectors/vector.ts';
import { applyPlan } from './apply-plan.ts';
import type { CentroidChoice } from './plan.ts';

const engine = { model, tokenizer };
const filled = (value: number) => new Float32Array(48).fill(value);
const centroid = (value: number, state: number): Centroid => ({
  keys: filled(-value),
  values: filled(value),
  state: filled(state),
  pairs: 5,
});
const vector = makeVector({
  keys: filled(-9),
  values: filled(9),
  keyMode: 'unrotated',
  model: modelIdentity(engine),
  aggregation: 'kmeans',
  centroids: [centroid(1, 2), centroid(5, 4)],
});
/** All values of the prompt are `held`; keys and layer 0 are far from everything. */
const cacheOf = (held: number) =>
  new MemoryCache(4, ({ layer, kind }) =>
    new Float32Array(16).fill(kind === 'key' || layer === 0 ? 1e6 : held),
  );

async function added(held: number, centroids?: CentroidChoice, plans = 1) {
  const cache = cacheOf(held);
  const plan = { vector, values: 1, ...(centroids !== undefined && { centroids }) };
  const applied = await applyPlan(cache, Array(plans).fill(plan), engine);
  return { value: cache.edits[0]!.delta[0], edits: cache.edits, weights: applied.at(-1)!.weights };
}

describe('a vector with centroids', () => {
  it('adds the one whose negative state is nearest to the prompt', async () => {
    expect(await added(2.9)).toMatchObject({ value: 1, weights: [1, 0] });
    expect(await added(3.1)).toMatchObject({ value: 5, weights: [0, 1] });
    expect((await added(3.1, undefined, 2)).weights).toEqual([0, 1]);
  });

  it('adds a mix by inverse squared distance, the mean of all pairs, or the one that is named', async () => {
    // At 3 both are 1 away; at 2.5 the squared distances are 0.25 and 2.25: 9 to 1.
    expect((await added(3, 'mix')).value).toBeCloseTo(3, 6);
    const near = await added(2.5, 'mix');
    expect(near.weights![0]).toBeCloseTo(0.9, 6);
    expect(near.value).toBeCloseTo(1.4, 6);
    expect(await added(4, 'mix')).toMatchObject({ value: 5, weights: [0, 1] });
    expect(await added(2, 'mean')).toMatchObject({ value: 9, weights: undefined });
    expect((await added(2, 1)).value).toBe(5);
  });

  it('refuses a centroid that is not there', async () => {
    await expect(added(2, 2)).rejects.toThrow(/centroid from 0 to 1, not 2/);
    const single = makeVector({ ...vector, centroids: null });
    await expect(applyPlan(cacheOf(2), { vector: single, centroids: 0 }, engine)).rejects.toThrow(
      /no centroids/,
    );
  });
});

it('a vector whose heads are all pruned leaves the cache as it was', async () => {
  const cache = cacheOf(3);
  const none = keepHeads(makeVector({ ...vector, centroids: null }), [[], [], []]);
  await applyPlan(cache, { vector: none, values: 6, keys: 1 }, engine);
  for (const kind of ['key', 'value'] as const) {
    const slot = { layer: 1, kind, position: 3 };
    expect(await cache.read(slot)).toEqual(await cacheOf(3).read(slot));
  }
});
