import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InvalidFileError, KvSteerError, ModelMismatchError } from '../errors.ts';
import { byteTokenizer as tokenizer } from '../pairs/byte-tokenizer.test-support.ts';
import { readSafetensors } from '../tensor/safetensors/read.ts';
import { writeSafetensors } from '../tensor/safetensors/write.ts';
import { memoryModel as model } from './memory-engine.test-support.ts';
import { makeVector, modelIdentity, type SteeringVector } from './vector.ts';
import { vectorFromBytes, vectorToBytes } from './vector-bytes.ts';

const size = 3 * 2 * 8;
const identity = modelIdentity({ model, tokenizer });
const cosines = { overall: 0.5, layers: [0.1, 0.2, 0.3] };
const full = makeVector({
  keys: Float32Array.from({ length: size }, (_, i) => i / 7),
  values: Float32Array.from({ length: size }, (_, i) => -i / 3),
  keyMode: 'unrotated',
  model: {
    ...identity,
    rope: {
      theta: 5e5,
      rotaryDim: 8,
      scaling: {
        type: 'llama3',
        factor: 8,
        lowFreqFactor: 1,
        highFreqFactor: 4,
        originalContextLength: 8192,
      },
    },
  },
  extraction: { position: 2, offsetToken: 10 },
  pairs: { count: 7, hash: 'ab'.repeat(32) },
  recommended: { values: 4, keys: 0.2, layers: [1, 2] },
  statistics: {
    positions: { positive: 435.5, negative: 208 },
    splitHalf: { keys: cosines, values: cosines },
    headSplitHalf: { keys: Array(3).fill([0.5, 1]), values: Array(3).fill([0.25, -1]) },
    normInterval: { keys: { low: 1, high: 2 }, values: { low: 0, high: 0.5 } },
    artefact: { cosine: cosines, shareLeft: cosines, postRopeNorm: 8.7, unrotatedNorm: 2 },
  },
  aggregation: 'kmeans',
  centroids: [1, 2].map((times) => ({
    keys: new Float32Array(size).fill(times),
    values: new Float32Array(size).fill(-times),
    state: new Float32Array(size).fill(times / 8),
    pairs: 3 * times,
  })),
  keptHeads: [[], [0], [0, 1]],
  recipe: 'émile',
  licence: 'MIT',
  creator: 'me',
  created: '2026-01-01T00:00:00.000Z',
});

/** The file with other metadata (null removes a key) or tensors. */
function changed(metadata: Record<string, string | null>, names = ['keys', 'values'], shape = [3, 2, 8]) {
  const written = readSafetensors(vectorToBytes(full), '').metadata;
  const merged = Object.entries<string | null>({ ...written, 'kvsteer.centroids': null, ...metadata });
  const tensors = names.map(
    (name) => [name, { shape, data: new Float32Array(shape.reduce((a, b) => a * b)) }] as const,
  );
  return writeSafetensors(
    new Map(tensors),
    Object.fromEntries(merged.filter((entry): entry is [string, string] => entry[1] !== null)),
  );
}

describe('the vector file', () => {
  it('gives back what was written', () => {
    expect(vectorFromBytes(vectorToBytes(full))).toEqual(full);
    const bare = makeVector({ keys: full.keys, values: full.values, keyMode: 'post-rope', model: identity });
    expect(vectorFromBytes(vectorToBytes(bare))).toEqual(bare);
    expect(vectorToBytes(vectorFromBytes(vectorToBytes(full)))).toEqual(vectorToBytes(full));
  });

  it('gives back any finite numbers, bit for bit', () => {
    const tensor = fc.float32Array({
      minLength: size,
      maxLength: size,
      noNaN: true,
      noDefaultInfinity: true,
    });
    fc.assert(
      fc.property(tensor, tensor, fc.string({ unit: 'grapheme' }), (keys, values, recipe) => {
        const vector = makeVector({ ...full, keys, values, recipe });
        const back = vectorFromBytes(vectorToBytes(vector));
        expect(back.keys).toEqual(keys);
        expect(back.values).toEqual(values);
        expect(back.recipe).toBe(recipe);
      }),
      { numRuns: 100 },
    );
  });

  it('never gives a damaged file anything but a typed error or a valid vector', () => {
    const bytes = vectorToBytes(full);
    const damage = fc.record({
      at: fc.nat(bytes.length - 1),
      to: fc.integer({ min: 0, max: 255 }),
      cut: fc.option(fc.nat(bytes.length)),
    });
    fc.assert(
      fc.property(damage, ({ at, to, cut }) => {
        const bad = bytes.slice(0, cut ?? bytes.length);
        if (at < bad.length) bad[at] = to;
        let vector: SteeringVector;
        try {
          vector = vectorFromBytes(bad);
        } catch (error) {
          expect(KvSteerError.isInstance(error)).toBe(true);
          return;
        }
        expect(vector.keys.length).toBe(size);
        expect(vector.values.every(Number.isFinite)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  const statistics = JSON.stringify({
    ...full.statistics,
    splitHalf: { keys: cosines, values: { ...cosines, layers: [1] } },
  });
  it.each([
    ['no format', changed({ 'kvsteer.format': null }), /expected vector format 1 .* found none/],
    ['a newer format', changed({ 'kvsteer.format': '2' }), /found "2".*newer kvsteer/],
    ['no model', changed({ 'kvsteer.model': null }), /expected metadata kvsteer.model, found none/],
    ['no JSON', changed({ 'kvsteer.keys': '{' }), /expected JSON in metadata kvsteer.keys/],
    ['another key mode', changed({ 'kvsteer.keys': '{"rope":"maybe"}' }), /metadata kvsteer.keys.rope/],
    [
      'a shape at odds',
      changed({}, ['keys', 'values'], [3, 1, 16]),
      /tensor keys as F32 \[3, 2, 8\], found F32 \[3, 1, 16\]/,
    ],
    ['no values', changed({}, ['keys']), /tensor values as F32 \[3, 2, 8\], found none/],
    ['other tensors', changed({}, ['keys', 'values', 'centroids']), /found also "centroids"/],
    [
      'centroids that are not there',
      changed({ 'kvsteer.centroids': '{"pairs":[1,2]}' }),
      /centroids as F32 \[2, 2, 3, 2, 8\], found none/,
    ],
    ['heads outside', changed({ 'kvsteer.heads': '{"kept":[[],[2],[]]}' }), /heads from 0 to 1/],
    ['a thousand centroids', changed({ 'kvsteer.centroids': `{"pairs":[${Array(1000).fill(1)}]}` }), /<=64/],
    [
      'a layer outside',
      changed({ 'kvsteer.recommended': '{"values":1,"keys":0,"layers":[3]}' }),
      /from 0 to 2, found 3/,
    ],
    [
      'short statistics',
      changed({ 'kvsteer.statistics': statistics }),
      /statistics of 3 layers, found a list of 1/,
    ],
    [
      'a huge claim',
      changed({ 'kvsteer.model': JSON.stringify({ ...full.model, layers: 1e9 }) }),
      /kvsteer.model.layers/,
    ],
    ['infinite numbers', vectorWith(Number.POSITIVE_INFINITY), /expected finite numbers, found Infinity/],
  ])('refuses %s', (_, bytes, message) => {
    const read = () => vectorFromBytes(bytes, { path: 'some.safetensors' });
    expect(read).toThrow(InvalidFileError);
    expect(read).toThrow(message);
    expect(read).toThrow(/^some\.safetensors: /);
  });

  function vectorWith(value: number): Uint8Array {
    const bytes = vectorToBytes(full);
    new DataView(bytes.buffer, bytes.byteOffset).setFloat32(bytes.length - 4, value, true);
    return bytes;
  }

  it('takes a plain keys and values file for an assumed model only', () => {
    const plain = (shape: number[], extra = {}) =>
      writeSafetensors(
        new Map([
          ['keys', { shape, data: new Float32Array(size).fill(1) }],
          ['values', { shape, data: new Float32Array(size).fill(2) }],
          ['keys.layer.0', { shape: [1], data: new Float32Array(1) }],
        ]),
        { model: 'SmolLM2', ...extra },
      );
    expect(() => vectorFromBytes(plain([3, 2, 8]))).toThrow(/expected kvsteer metadata, found none.*assume/);
    const vector = vectorFromBytes(plain([3, 2, 8]), { assume: { model, tokenizer } });
    expect(vector).toMatchObject({ keyMode: 'post-rope', model: identity, pairs: null, statistics: null });
    expect(
      vectorFromBytes(plain([3, 2, 8]), { assume: { model, tokenizer }, keyMode: 'unrotated' }).keyMode,
    ).toBe('unrotated');
    expect(() => vectorFromBytes(plain([6, 1, 8]), { assume: { model, tokenizer } })).toThrow(
      ModelMismatchError,
    );
    expect(() => vectorFromBytes(plain([48]), { assume: { model, tokenizer } })).toThrow(/found F32 \[48\]/);
  });

  it('takes the layout of one tensor a layer', () => {
    const assume = { model, tokenizer };
    const layered = (name: (part: string, layer: number) => string, shape: number[], layers = [0, 1, 2]) =>
      writeSafetensors(
        new Map(
          ['keys', 'values'].flatMap((part, p) =>
            layers.map((layer) => [
              name(part, layer),
              { shape, data: Float32Array.from({ length: 16 }, (_, i) => (layer * 16 + i) * (p + 1)) },
            ]),
          ),
        ),
      );
    for (const [name, shape] of [
      [(part: string, layer: number) => `${part}.${layer}`, [2, 8]],
      [(part: string, layer: number) => `${part}/${layer}`, [1, 2, 1, 8]],
      [(part: string, layer: number) => `${part}.layer.${layer}`, [2, 8]],
      [(part: string, layer: number) => `${part}_${layer}`, [1, 1, 2, 8]],
    ] as const) {
      const { keys, values, aggregation } = vectorFromBytes(layered(name, [...shape]), { assume });
      expect(keys).toEqual(Float32Array.from({ length: size }, (_, i) => i));
      expect(values).toEqual(Float32Array.from({ length: size }, (_, i) => 2 * i));
      expect(aggregation).toBe('imported');
    }
    const dotted = (part: string, layer: number) => `${part}.${layer}`;
    const reading = (bytes: Uint8Array) => () => vectorFromBytes(bytes, { assume });
    expect(reading(layered(dotted, [2, 8], [0, 2]))).toThrow(/keys of 3 layers, found none of layer 1/);
    expect(reading(layered(dotted, [2, 8], [0, 1, 2, 3]))).toThrow(/keys.3: the model has layers 0 to 2/);
    expect(reading(layered(dotted, [8, 2]))).toThrow(/keys.0: expected \[2, 8\], found \[8, 2\]/);
    expect(reading(layered((part, layer) => `${part}${layer}`, [2, 8]))).toThrow(/found "keys0"/);
    expect(reading(layered((part, layer) => `${part}.${layer === 2 ? '01' : layer}`, [2, 8]))).toThrow(
      /twice/,
    );
  });
});
