import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InvalidArgumentError } from '../errors.ts';
import { dot, norm } from './maths.ts';
import {
  type Llama3Scaling,
  moveRotation,
  type RopeConfig,
  ropeCosSin,
  ropeInverseFrequencies,
  rotateHeads,
  unrotateHeads,
} from './rope.ts';
import { halfSplitToInterleaved, interleavedToHalfSplit } from './rope-layout.ts';

const llama3 = (factor: number): Llama3Scaling => ({
  type: 'llama3',
  factor,
  lowFreqFactor: 1,
  highFreqFactor: 4,
  originalContextLength: 8192,
});

const positions = fc.nat({ max: 131_072 });
const configs: fc.Arbitrary<RopeConfig> = fc
  .tuple(fc.constantFrom(1e4, 1e5, 5e5), fc.constantFrom(2, 6, 16), fc.boolean())
  .map(([theta, rotaryDim, scaled]) =>
    scaled ? { theta, rotaryDim, scaling: llama3(32) } : { theta, rotaryDim },
  );
/** A config, D >= rotaryDim, and two heads [2, D]. */
const cases = fc.tuple(configs, fc.constantFrom(0, 1, 4)).chain(([config, tail]) => {
  const headDim = config.rotaryDim + tail;
  const length = 2 * headDim;
  const keys = fc.float32Array({
    min: -32,
    max: 32,
    noNaN: true,
    minLength: length,
    maxLength: length,
  });
  return fc.record({ config: fc.constant(config), headDim: fc.constant(headDim), keys, other: keys });
});

function expectClose(found: Float32Array, expected: Float32Array, tolerance = 1e-5): void {
  expect(found.length).toBe(expected.length);
  for (let i = 0; i < found.length; i++) {
    expect(Math.abs(found[i]! - expected[i]!)).toBeLessThanOrEqual(tolerance);
  }
}

describe('rotateHeads', () => {
  it('turns the pair (i, i + rotaryDim / 2) by position * frequency', () => {
    // theta 100, rotaryDim 4: frequencies 1 and 0.1; one unit vector per pair, then the tail.
    const config = { theta: 100, rotaryDim: 4 };
    const found = rotateHeads(Float32Array.of(1, 0, 0, 1, 5), 5, 3, config);
    expectClose(found, Float32Array.of(Math.cos(3), -Math.sin(0.3), Math.sin(3), Math.cos(0.3), 5), 1e-7);
  });

  it('is undone by unrotateHeads', () => {
    fc.assert(
      fc.property(cases, positions, ({ config, headDim, keys }, position) => {
        const there = rotateHeads(keys.slice(), headDim, position, config);
        expectClose(unrotateHeads(there, headDim, position, config), keys);
      }),
    );
  });

  it('keeps norms', () => {
    fc.assert(
      fc.property(cases, positions, ({ config, headDim, keys }, position) => {
        const turned = rotateHeads(keys.slice(), headDim, position, config);
        expect(norm(turned)).toBeCloseTo(norm(keys), 4);
      }),
    );
  });

  it('composes by adding positions', () => {
    fc.assert(
      fc.property(cases, positions, positions, ({ config, headDim, keys }, a, b) => {
        const twice = rotateHeads(rotateHeads(keys.slice(), headDim, a, config), headDim, b, config);
        expectClose(twice, rotateHeads(keys.slice(), headDim, a + b, config));
      }),
    );
  });

  it('makes dot products depend on relative position only', () => {
    fc.assert(
      fc.property(cases, positions, positions, positions, ({ config, headDim, keys, other }, a, b, shift) => {
        const at = (data: Float32Array, position: number) =>
          rotateHeads(data.slice(), headDim, position, config);
        const here = dot(at(keys, a), at(other, b));
        const shifted = dot(at(keys, a + shift), at(other, b + shift));
        expect(Math.abs(here - shifted)).toBeLessThanOrEqual(1e-5 * (1 + norm(keys) * norm(other)));
      }),
    );
  });

  it('leaves the dims past rotaryDim and position 0 alone', () => {
    fc.assert(
      fc.property(cases, positions, ({ config, headDim, keys }, position) => {
        const turned = rotateHeads(keys.slice(), headDim, position, config);
        for (let i = 0; i < keys.length; i++) {
          if (i % headDim >= config.rotaryDim) expect(turned[i]).toBe(keys[i]);
        }
        expect([...rotateHeads(keys.slice(), headDim, 0, config)].map((x) => x + 0)).toEqual(
          [...keys].map((x) => x + 0),
        );
      }),
    );
  });

  it('moves as un-rotating and rotating do', () => {
    fc.assert(
      fc.property(cases, positions, positions, ({ config, headDim, keys }, from, to) => {
        const moved = moveRotation(keys.slice(), headDim, from, to, config);
        expectClose(
          moved,
          rotateHeads(unrotateHeads(keys.slice(), headDim, from, config), headDim, to, config),
        );
      }),
    );
  });

  it('refuses what does not fit', () => {
    const config = { theta: 1e4, rotaryDim: 4 };
    const keys = new Float32Array(8);
    expect(() => rotateHeads(keys, 4, -1, config)).toThrow(InvalidArgumentError);
    expect(() => rotateHeads(keys, 4, 0.5, config)).toThrow('position');
    expect(() => rotateHeads(keys, 3, 0, config)).toThrow('headDim');
    expect(() => rotateHeads(keys, 5, 0, config)).toThrow('whole heads');
    expect(() => rotateHeads(keys, 4, 0, { theta: 0, rotaryDim: 4 })).toThrow('theta');
    expect(() => rotateHeads(keys, 4, 0, { theta: 1e4, rotaryDim: 3 })).toThrow('even');
    const scaling = { ...llama3(8), highFreqFactor: 1 };
    expect(() => ropeInverseFrequencies({ ...config, scaling })).toThrow('highFreqFactor');
    const yarn = { ...llama3(8), type: 'yarn' } as unknown as Llama3Scaling;
    expect(() => ropeInverseFrequencies({ ...config, scaling: yarn })).toThrow("'yarn'");
  });
});

describe('llama3 scaling', () => {
  // Origin: _compute_llama3_parameters of transformers 4.51.3 under torch 2.13 (float32, hence 1e-6 relative).
  it('agrees with transformers on Llama-3.2-1B (theta 5e5, head_dim 64, factor 32)', () => {
    const expected = [
      1.0, 0.663601279, 0.440366626, 0.292227834, 0.193922758, 0.128687382, 0.0853971019, 0.0566696189,
      0.0376060307, 0.0249554086, 0.0165604409, 0.0109895291, 0.00729266508, 0.00483942125, 0.00321144611,
      0.00129054801, 0.000429556705, 9.70828623e-5, 1.94616387e-5, 1.29147675e-5, 8.57025589e-6,
      5.68723226e-6, 3.77405445e-6, 2.50446715e-6, 1.66196742e-6, 1.10288363e-6, 7.31874934e-7, 4.85673127e-7,
      3.22293289e-7, 2.1387423e-7, 1.41927202e-7, 9.41830649e-8,
    ];
    const found = ropeInverseFrequencies({ theta: 5e5, rotaryDim: 64, scaling: llama3(32) });
    expect(found.length).toBe(expected.length);
    expected.forEach((value, i) => {
      expect(Math.abs(found[i]! / value - 1), `frequency ${i}`).toBeLessThan(1e-6);
    });
  });

  it('agrees with transformers across the bands of Llama-3.1-8B (theta 5e5, head_dim 128, factor 8)', () => {
    const found = ropeInverseFrequencies({ theta: 5e5, rotaryDim: 128, scaling: llama3(8) });
    // 28 is the last one kept, 29-34 are blended, 35 is the first one stretched.
    const expected: [number, number][] = [
      [0, 1],
      [1, 0.814617217],
      [27, 0.00394227589],
      [28, 0.00321144611],
      [29, 0.00216657063],
      [30, 0.00137189368],
      [31, 0.00085675146],
      [32, 0.000524846022],
      [33, 0.00031269365],
      [34, 0.000178507791],
      [35, 9.55621217e-5],
      [36, 7.78465546e-5],
      [37, 6.34151438e-5],
      [63, 3.06892588e-7],
    ];
    for (const [i, value] of expected) {
      expect(Math.abs(found[i]! / value - 1), `frequency ${i}`).toBeLessThan(1e-6);
    }
  });
});

describe('ropeCosSin', () => {
  it('holds what rotateHeads turns by', () => {
    const config = { theta: 1e5, rotaryDim: 8 };
    const { cos, sin } = ropeCosSin(config, 50);
    expect([cos.length, sin.length]).toEqual([200, 200]);
    for (const position of [0, 1, 49]) {
      // Unit vectors in the first half come out as (cos, sin).
      const turned = rotateHeads(Float32Array.of(1, 1, 1, 1, 0, 0, 0, 0), 8, position, config);
      expect(cos.slice(position * 4, position * 4 + 4)).toEqual(turned.slice(0, 4));
      expect(sin.slice(position * 4, position * 4 + 4)).toEqual(turned.slice(4));
    }
  });

  it('refuses a table that no machine should be asked for', () => {
    for (const count of [0, 1.5, 1e12, Number.NaN]) {
      expect(() => ropeCosSin({ theta: 1e4, rotaryDim: 64 }, count)).toThrow(InvalidArgumentError);
    }
  });
});

describe('layouts', () => {
  it('puts pairs (2i, 2i + 1) at (i, i + rotaryDim / 2) and leaves the tail', () => {
    const keys = Float32Array.of(0, 1, 2, 3, 4, 5, 9, 10, 11, 12, 13, 14, 15, 19);
    expect([...interleavedToHalfSplit(keys, 7, 6)]).toEqual([
      0, 2, 4, 1, 3, 5, 9, 10, 12, 14, 11, 13, 15, 19,
    ]);
  });

  it('are inverses', () => {
    fc.assert(
      fc.property(cases, ({ config: { rotaryDim }, headDim, keys }) => {
        const there = interleavedToHalfSplit(keys.slice(), headDim, rotaryDim);
        expect(halfSplitToInterleaved(there, headDim, rotaryDim)).toEqual(keys);
      }),
    );
  });

  it('agree: turning interleaved pairs is turning them in half-split layout', () => {
    fc.assert(
      fc.property(cases, positions, ({ config, headDim, keys }, position) => {
        // RoPE written out for interleaved pairs, as complex multiplication.
        const frequencies = ropeInverseFrequencies(config);
        const expected = keys.slice();
        for (let at = 0; at < keys.length; at += headDim) {
          frequencies.forEach((frequency, i) => {
            const [x, y] = [keys[at + 2 * i]!, keys[at + 2 * i + 1]!];
            const [cos, sin] = [Math.cos(position * frequency), Math.sin(position * frequency)];
            expected[at + 2 * i] = x * cos - y * sin;
            expected[at + 2 * i + 1] = x * sin + y * cos;
          });
        }
        const found = interleavedToHalfSplit(keys.slice(), headDim, config.rotaryDim);
        rotateHeads(found, headDim, position, config);
        expectClose(halfSplitToInterleaved(found, headDim, config.rotaryDim), expected);
      }),
    );
  });
});
