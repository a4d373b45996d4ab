import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InvalidArgumentError, ModelMismatchError } from '../errors.ts';
import { byteTokenizer as tokenizer } from '../pairs/byte-tokenizer.test-support.ts';
import { rotateHeads } from '../tensor/rope.ts';
import { MemoryCache, memoryModel as model } from '../vectors/memory-engine.test-support.ts';
import { type KeyMode, makeVector, modelIdentity } from '../vectors/vector.ts';
import { applyPlan } from './apply-plan.ts';

const engine = { model, tokenizer };
const tensor = (seed: number) => Float32Array.from({ length: 48 }, (_, i) => Math.sin(seed + i * 0.7));
const vectorOf = (keyMode: KeyMode) =>
  makeVector({ keys: tensor(1), values: tensor(2), keyMode, model: modelIdentity(engine) });
const vector = vectorOf('unrotated');

const content = (layer: number, key: boolean, position: number) =>
  Float32Array.from({ length: 16 }, (_, i) => Math.cos(layer + position * 3 + i + (key ? 9 : 0)));
const newCache = () =>
  new MemoryCache(11, ({ layer, kind, position }) => content(layer, kind === 'key', position));

describe('applyPlan', () => {
  it('adds values at the last position from layer 1 on, and nothing else, by default', async () => {
    const cache = newCache();
    const [applied] = await applyPlan(cache, { vector }, engine);
    expect(applied).toEqual({ vector, values: 1, keys: 0, layers: [1, 2], heads: [0, 1], position: 10 });
    expect(cache.edits.map(({ slot }) => slot)).toEqual([
      { layer: 1, kind: 'value', position: 10 },
      { layer: 2, kind: 'value', position: 10 },
    ]);
    expect(cache.edits[0]!.delta).toEqual(vector.values.slice(16, 32));
  });

  it('takes recommendations before defaults, and what is said before both', async () => {
    const advised = makeVector({
      ...vector,
      extraction: { position: 3, offsetToken: null },
      recommended: { values: 4, keys: 0.5, layers: [2] },
    });
    const [by] = await applyPlan(newCache(), { vector: advised }, engine);
    expect(by).toMatchObject({ values: 4, keys: 0.5, layers: [2], position: 8 });
    const said = {
      vector: advised,
      values: -1,
      keys: 0,
      layers: { from: 0, to: 1 },
      position: 1,
      heads: [1, 1],
    };
    const [own] = await applyPlan(newCache(), said, engine);
    expect(own).toMatchObject({ values: -1, keys: 0, layers: [0, 1], position: 10, heads: [1] });
    const withOffset = makeVector({ ...vector, extraction: { position: 2, offsetToken: 10 } });
    expect((await applyPlan(newCache(), { vector: withOffset }, engine))[0]!.position).toBe(10);
  });

  it('touches nothing at coefficient 0', async () => {
    const cache = newCache();
    await applyPlan(
      cache,
      [
        { vector, values: 0, keys: 0 },
        { vector, values: -0, keys: 0 },
      ],
      engine,
    );
    expect(cache.edits).toEqual([]);
  });

  it('scales and keeps to the heads', async () => {
    const cache = newCache();
    await applyPlan(cache, { vector, values: -2.5, heads: [1], layers: [0] }, engine);
    const { delta } = cache.edits[0]!;
    expect(delta.subarray(0, 8)).toEqual(new Float32Array(8));
    expect(delta.subarray(8)).toEqual(vector.values.slice(8, 16).map((x) => x * -2.5));
  });

  it('adds a post-RoPE key vector to the rotated key as it is, an un-rotated one as it is', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 11 }),
        fc.double({ min: -8, max: 8, noNaN: true }),
        async (fromEnd, c) => {
          for (const keyMode of ['post-rope', 'unrotated'] as const) {
            const cache = newCache();
            const plan = { vector: vectorOf(keyMode), values: 0, keys: c, position: fromEnd, layers: [1] };
            await applyPlan(cache, plan, engine);
            const position = 11 - fromEnd;
            const turn = (keys: Float32Array) =>
              keyMode === 'post-rope' ? rotateHeads(keys, 8, position, model.rope) : keys;
            const edited = turn(await cache.read({ layer: 1, kind: 'key', position }));
            const before = turn(content(1, true, position));
            edited.forEach((value, i) => {
              expect(value).toBeCloseTo(before[i]! + c * vector.keys[16 + i]!, 4);
            });
          }
        },
      ),
      { numRuns: 50 },
    );
  });

  it('adds several plans up', async () => {
    const cache = newCache();
    const plans = [
      { vector, values: 3, layers: [1] },
      { vector, values: -3, layers: [1] },
    ];
    await applyPlan(cache, plans, engine);
    const slot = { layer: 1, kind: 'value', position: 10 } as const;
    expect(cache.edits).toHaveLength(2);
    const before = content(1, false, 10);
    for (const [i, value] of (await cache.read(slot)).entries()) expect(value).toBeCloseTo(before[i]!, 6);
  });

  it.each([
    ['layers', { layers: [3] }, /0 to 2, found 3/],
    ['layers', { layers: [-1] }, /0 to 2, found -1/],
    ['layers', { layers: [] }, /one or more/],
    ['layers', { layers: { from: 2, to: 1 } }, /found 2 to 1/],
    ['layers', { layers: { from: 0, to: 3 } }, /within 0 to 2/],
    ['heads', { heads: [2] }, /0 to 1, found 2/],
    ['heads', { heads: [0.5] }, /0 to 1, found 0.5/],
    ['position', { position: 12 }, /1 to 11, not 12/],
    ['position', { position: 0 }, /1 to 11, not 0/],
    ['values', { values: Number.NaN }, /finite/],
    ['keys', { keys: Number.POSITIVE_INFINITY }, /finite/],
    ['values', { values: 1e39 }, /past float32/],
  ])('refuses %s out of range: %o, before anything is added', async (argument, part, message) => {
    const cache = newCache();
    const failure = await applyPlan(cache, [{ vector }, { vector, ...part }], engine).catch((error) => error);
    expect(failure).toBeInstanceOf(InvalidArgumentError);
    expect(failure.argument).toBe(argument);
    expect(failure.message).toMatch(message);
    expect(cache.edits).toEqual([]);
  });

  it('refuses a vector made for another model, unless forced', async () => {
    const other = { model: { ...model, fingerprint: 'beef' }, tokenizer };
    await expect(applyPlan(newCache(), { vector }, other)).rejects.toThrow(ModelMismatchError);
    await applyPlan(newCache(), { vector }, other, { force: true });
  });
});
