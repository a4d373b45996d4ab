import { describe, expect, it } from 'vitest';
import { InvalidArgumentError } from '../../errors.ts';
import { cosine, norm } from '../../tensor/maths.ts';
import { gaussian, seededRandom } from '../../tensor/random.ts';
import { type AccumulatorShape, PairAccumulator, type SideState } from '../accumulator.ts';
import { type AggregationOptions, createAggregator } from './aggregator.ts';

function aggregated(
  pairs: readonly (readonly [SideState, SideState])[],
  options: AggregationOptions,
  shape: AccumulatorShape,
) {
  const accumulator = new PairAccumulator(shape);
  const aggregator = createAggregator(options, shape, 'unrotated')!;
  for (const [positive, negative] of pairs) {
    accumulator.add(positive, negative);
    aggregator.add(positive, negative);
  }
  const mean = accumulator.result('unrotated');
  return { mean, ...aggregator.result(mean) };
}

const side = (values: Float32Array, keys = values): SideState => ({ keys, values, position: 3 });

/** Seven pairs by formula, one head of four numbers; what comes of them was computed by NumPy in float64. */
const small: AccumulatorShape = { layers: 1, kvHeads: 1, headDim: 4, rope: { theta: 100, rotaryDim: 4 } };
const formula = (i: number, which: number) =>
  side(
    Float32Array.from(
      { length: 4 },
      (_, j) =>
        Math.sin(1.7 * i + 2.3 * j + which) * (1 + j) +
        Math.cos(0.9 * i * (j + 1)) * 0.5 +
        which * (j + 1) * 0.3,
    ),
  );
const formulaPairs = Array.from({ length: 7 }, (_, i) => [formula(i, 1), formula(i, 0)] as const);

function near(found: Float32Array, expected: readonly number[], digits = 5) {
  expect(found).toHaveLength(expected.length);
  for (const [i, value] of expected.entries()) expect(found[i]).toBeCloseTo(value, digits);
}

describe('aggregations against NumPy', () => {
  it('median is np.median over pairs', () => {
    const { values } = aggregated(formulaPairs, { aggregation: 'median' }, small);
    near(values, [0.0206969678, 0.5117816925, 1.987272978, 0.9591684341]);
    const even = aggregated(formulaPairs.slice(0, 2), { aggregation: 'median' }, small);
    near(even.values, Array.from(even.mean.values));
  });

  it('pca is the mean on the first right singular vector of np.linalg.svd', () => {
    const { values } = aggregated(formulaPairs, { aggregation: 'pca' }, small);
    near(values, [0.0537199223, 0.0447049058, -0.1998490853, 0.3332267206], 4);
  });

  it('whitened is divided by the shrunk pooled np.var', () => {
    const { values, mean } = aggregated(formulaPairs, { aggregation: 'whitened' }, small);
    near(values, [0.9178752212, 0.8247541671, 0.8441954173, 0.4211838294]);
    expect(norm(values)).toBeCloseTo(norm(mean.values), 5);
  });
});

/** Pairs whose values differ by one of several known directions, and noise. */
const shape: AccumulatorShape = { layers: 3, kvHeads: 2, headDim: 8, rope: { theta: 100, rotaryDim: 8 } };
const random = seededRandom(5);
const drawn = (scale = 1) => Float32Array.from({ length: 48 }, () => scale * gaussian(random));
const sum = (a: Float32Array, b: Float32Array, times = 1) => a.map((value, i) => value + times * b[i]!);
function pairsAlong(directions: readonly Float32Array[], count: number, noise: number) {
  return Array.from({ length: count }, (_, i) => {
    const base = drawn();
    const direction = directions[i % directions.length]!;
    return [side(sum(sum(base, drawn(noise)), direction)), side(sum(base, direction, -1))] as const;
  });
}

describe('pca', () => {
  it('finds the known direction of two opposite sets, and its sign', () => {
    const direction = drawn();
    for (const towards of [1, -1]) {
      const truth = direction.map((value) => value * towards);
      const { values, keys } = aggregated(pairsAlong([truth], 40, 0.3), { aggregation: 'pca' }, shape);
      for (let layer = 0; layer < 3; layer++) {
        const at = (tensor: Float32Array) => tensor.subarray(layer * 16, layer * 16 + 16);
        expect(cosine(at(values), at(truth))).toBeGreaterThan(0.99);
        expect(norm(at(values)) / norm(at(truth))).toBeCloseTo(2, 1);
      }
      expect(cosine(keys, truth)).toBeGreaterThan(0.99);
    }
  });

  it('leaves a layer that never differs at zero', () => {
    const zero = new Float32Array(48);
    const late = zero.slice().fill(1, 16, 20);
    const pairs = [1, 2, 3].map((times) => [side(late.map((x) => x * times)), side(zero)] as const);
    const { values } = aggregated(pairs, { aggregation: 'pca' }, shape);
    expect(values.subarray(0, 16)).toEqual(new Float32Array(16));
    near(values.subarray(16, 20), [2, 2, 2, 2]);
  });
});

describe('median', () => {
  it('is not moved by a few pairs unlike the others', () => {
    const truth = drawn();
    const pairs = pairsAlong([truth], 21, 0.1);
    const wild = pairsAlong([drawn(1000)], 4, 0);
    const { values, mean } = aggregated([...pairs, ...wild], { aggregation: 'median' }, shape);
    expect(cosine(values, truth)).toBeGreaterThan(0.99);
    expect(cosine(mean.values, truth)).toBeLessThan(0.9);
  });
});

describe('whitened', () => {
  it('turns away from what varies within a side, and finds what tells the sides apart', () => {
    // The difference is (1, 1, 0...) in each head; the second number varies 10 times as much as the others.
    const scales = Float32Array.from({ length: 48 }, (_, i) => (i % 8 === 1 ? 10 : 1));
    const truth = Float32Array.from({ length: 48 }, (_, i) => (i % 8 < 2 ? 0.5 : 0));
    const spread = () => drawn().map((value, i) => value * scales[i]!);
    const pairs = Array.from(
      { length: 400 },
      () => [side(sum(spread(), truth)), side(sum(spread(), truth, -1))] as const,
    );
    const { values } = aggregated(pairs, { aggregation: 'whitened' }, shape);
    // Divided by the variances: (1, 0.01, 0...)
    const ideal = Float32Array.from({ length: 48 }, (_, i) => (i % 8 === 0 ? 1 : i % 8 === 1 ? 0.01 : 0));
    for (let at = 0; at < 48; at += 8) {
      const head = (tensor: Float32Array) => tensor.subarray(at, at + 8);
      expect(cosine(head(values), head(ideal))).toBeGreaterThan(0.95);
    }
  });

  it('is the mean where nothing varies, and needs two pairs', () => {
    const one = drawn();
    const pairs = [1, 2].map(() => [side(one), side(new Float32Array(48))] as const);
    expect(aggregated(pairs, { aggregation: 'whitened' }, shape).values).toEqual(one);
    expect(() => aggregated(pairs.slice(1), { aggregation: 'whitened' }, shape)).toThrow(/at least 2 pairs/);
  });
});

describe('kmeans', () => {
  const kmeans = (pairs: readonly (readonly [SideState, SideState])[], clusters: number, seed = 0) =>
    aggregated(pairs, { aggregation: 'kmeans', clusters, seed }, shape);

  it('with one cluster equals the mean', () => {
    const { mean, keys, values, centroids } = kmeans(pairsAlong([drawn(), drawn()], 15, 0.5), 1);
    expect(centroids).toHaveLength(1);
    const [only] = centroids!;
    expect(only!.values).toEqual(mean.values);
    expect(only!.keys).toEqual(mean.keys);
    expect([keys, values, only!.pairs]).toEqual([mean.keys, mean.values, 15]);
  });

  it('finds the directions that the pairs have, with the mean negative state of each', () => {
    const [one, other] = [drawn(), drawn()];
    const pairs = [...pairsAlong([one], 20, 0.2), ...pairsAlong([other], 12, 0.2)];
    const { centroids } = kmeans(pairs, 2);
    expect(centroids!.map((centroid) => centroid.pairs)).toEqual([20, 12]);
    expect(cosine(centroids![0]!.values, one)).toBeGreaterThan(0.99);
    expect(cosine(centroids![1]!.values, other)).toBeGreaterThan(0.99);
    const negatives = pairs.slice(20).map(([, negative]) => negative.values);
    near(
      centroids![1]!.state,
      Array.from(negatives[0]!, (_, i) => negatives.reduce((total, row) => total + row[i]!, 0) / 12),
    );
    expect(kmeans(pairs, 2).centroids).toEqual(centroids);
  });

  it('refuses more clusters than pairs that differ', () => {
    const [positive, negative] = pairsAlong([drawn()], 1, 0)[0]!;
    const pairs = [1, 2, 3].map(() => [positive, negative] as const);
    expect(() => kmeans(pairs, 2)).toThrow(/as many pairs that differ, found 1/);
  });
});

describe('options', () => {
  it.each([
    [{ aggregation: 'kmeans', clusters: 0 }, /clusters must be an integer from 1 to 64/],
    [{ aggregation: 'mean', clusters: 2 }, /for the aggregation kmeans/],
    [{ aggregation: 'average' }, /mean, median, pca, kmeans or whitened/],
    [{ aggregation: 'kmeans', seed: 0.5 }, /seed must be/],
  ])('refuses %o', (options, message) => {
    const create = () => createAggregator(options as AggregationOptions, shape, 'unrotated');
    expect(create).toThrow(InvalidArgumentError);
    expect(create).toThrow(message);
  });

  it('hold as many differences as the bound allows', () => {
    const pairs = pairsAlong([drawn()], 3, 0);
    const options = { aggregation: 'median', maxDifferenceBytes: 2 * 48 * 8 } as const;
    expect(() => aggregated(pairs, options, shape)).toThrow(
      /which 2 pairs of this model fill.*mean or whitened/,
    );
    aggregated(pairs.slice(1), options, shape);
  });
});
