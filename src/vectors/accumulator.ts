import { InvalidArgumentError } from '../errors.ts';
import { Moments } from '../tensor/moments.ts';
import { type RopeConfig, rotateHeads } from '../tensor/rope.ts';
import { layerCosines, positionArtefact, type VectorStatistics } from './statistics.ts';
import type { KeyMode } from './vector.ts';

/** One side of a pair as read from the cache. */
export interface SideState {
  /** [L, H, D], un-rotated. */
  readonly keys: Float32Array;
  /** [L, H, D] */
  readonly values: Float32Array;
  /** Where the model saw it; keys are rotated to here for the post-RoPE difference. */
  readonly position: number;
}

export interface AccumulatorShape {
  /** L */
  readonly layers: number;
  /** H */
  readonly kvHeads: number;
  /** D */
  readonly headDim: number;
  readonly rope: RopeConfig;
}

/** Mean differences over pairs, each [L, H, D]; see `statistics.ts` for what they are. */
export interface MeanDifferences {
  readonly values: Float32Array;
  readonly unrotatedKeys: Float32Array;
  /** M: as cached and published. */
  readonly postRopeKeys: Float32Array;
  /** A: what M would be if both sides had the same key, at their two positions. */
  readonly artefactKeys: Float32Array;
}

/** Positive minus negative, mean over pairs, in float64 and in memory that does not grow with the pairs. */
export class PairAccumulator {
  readonly #shape: AccumulatorShape;
  /** By half: even pairs, odd pairs. Each [L, H, D]. */
  readonly #values: readonly [Moments, Moments];
  readonly #unrotated: readonly [Moments, Moments];
  readonly #postRope: readonly [Moments, Moments];
  readonly #artefact: Moments;
  #positive = 0;
  #negative = 0;
  #count = 0;

  constructor(shape: AccumulatorShape) {
    this.#shape = shape;
    const size = shape.layers * shape.kvHeads * shape.headDim;
    const halves = (): [Moments, Moments] => [new Moments(size), new Moments(size)];
    this.#values = halves();
    this.#unrotated = halves();
    this.#postRope = halves();
    this.#artefact = new Moments(size);
  }

  /** Pairs added. */
  get count(): number {
    return this.#count;
  }

  /** Adds one pair. @throws InvalidArgumentError if a tensor is not [L, H, D]. */
  add(positive: SideState, negative: SideState): void {
    const half = (this.#count % 2) as 0 | 1;
    const { headDim, rope } = this.#shape;
    const turned = (keys: Float32Array, { position }: SideState) =>
      rotateHeads(keys.slice(), headDim, position, rope);
    const shared = positive.keys.map((key, i) => (key + negative.keys[i]!) / 2);
    this.#values[half].add(difference(positive.values, negative.values));
    this.#unrotated[half].add(difference(positive.keys, negative.keys));
    this.#postRope[half].add(difference(turned(positive.keys, positive), turned(negative.keys, negative)));
    this.#artefact.add(difference(turned(shared, positive), turned(shared, negative)));
    this.#positive += positive.position;
    this.#negative += negative.position;
    this.#count++;
  }

  /** All that was averaged, whatever the key mode. @throws InvalidArgumentError if nothing was added. */
  means(): MeanDifferences {
    if (this.#count === 0)
      throw new InvalidArgumentError('pairs', 'At least one pair is needed, found none.');
    return {
      values: meanOf(this.#values),
      unrotatedKeys: meanOf(this.#unrotated),
      postRopeKeys: meanOf(this.#postRope),
      artefactKeys: this.#artefact.mean(),
    };
  }

  /** The mean differences, [L, H, D] each. @throws InvalidArgumentError if nothing was added. */
  result(keyMode: KeyMode): { keys: Float32Array; values: Float32Array; statistics: VectorStatistics } {
    const { layers } = this.#shape;
    const { values, unrotatedKeys, postRopeKeys, artefactKeys } = this.means();
    const keyHalves = keyMode === 'unrotated' ? this.#unrotated : this.#postRope;
    const splitHalf = ([even, odd]: readonly [Moments, Moments]) =>
      layerCosines(even.mean(), odd.mean(), layers);
    return {
      keys: keyMode === 'unrotated' ? unrotatedKeys : postRopeKeys,
      values,
      statistics: {
        positions: { positive: this.#positive / this.#count, negative: this.#negative / this.#count },
        splitHalf: this.#count < 2 ? null : { keys: splitHalf(keyHalves), values: splitHalf(this.#values) },
        artefact: positionArtefact(postRopeKeys, artefactKeys, unrotatedKeys, this.#shape),
      },
    };
  }
}

function meanOf([even, odd]: readonly [Moments, Moments]): Float32Array {
  const all = Moments.from(even.state());
  all.merge(odd);
  return all.mean();
}

function difference(a: Float32Array, b: Float32Array): Float32Array {
  return a.map((value, i) => value - b[i]!);
}
