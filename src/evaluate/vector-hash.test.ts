import { describe, expect, it } from 'vitest';
import { MemoryEngine, memoryModel } from '../vectors/memory-engine.test-support.ts';
import { makeVector } from '../vectors/vector.ts';
import { recordCondition } from './condition.ts';
import { hashVector } from './vector-hash.ts';

const filled = (value: number) => new Float32Array(48).fill(value);
const centroid = { keys: filled(3), values: filled(4), state: filled(5), pairs: 1 };
const single = makeVector({
  keys: filled(1),
  values: filled(2),
  keyMode: 'unrotated',
  model: { ...memoryModel, chatTemplateHash: 'chatml' },
});
const clustered = (parts: Partial<typeof centroid> = {}) =>
  makeVector({ ...single, aggregation: 'kmeans', centroids: [centroid, { ...centroid, ...parts }] });

describe('hashVector', () => {
  it('covers all that an edit depends on, and nothing else', () => {
    const different = [
      single,
      makeVector({ ...single, keyMode: 'post-rope' }),
      clustered(),
      clustered({ keys: filled(6) }),
      clustered({ values: filled(6) }),
      clustered({ state: filled(6) }),
    ];
    expect(new Set(different.map(hashVector)).size).toBe(different.length);
    expect(hashVector(makeVector({ ...single, recipe: 'other', creator: 'one' }))).toBe(hashVector(single));
  });
});

describe('recordCondition', () => {
  it('records which centroid is chosen, of a vector that has some', () => {
    const editOf = (plan: Parameters<typeof recordCondition>[0]['plan']) =>
      recordCondition({ plan: plan ?? null }, new MemoryEngine()).edits[0]!;
    expect(editOf({ vector: single })).not.toHaveProperty('centroids');
    expect(editOf({ vector: clustered() }).centroids).toBe('nearest');
    expect(editOf({ vector: clustered(), centroids: 1 }).centroids).toBe(1);
  });
});
