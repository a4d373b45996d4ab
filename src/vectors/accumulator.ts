import { InvalidArgumentError } from '../errors.ts';
import { Moments, type MomentsState } from '../tensor/moments.ts';
import { type RopeConfig, rotateHeads } from '../tensor/rope.ts';
import { BlockSums, normInterval } from './norm-interval.ts';
import { headCosines, layerCosines, positionArtefact, type VectorStatistics } from './statistics.ts';
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

/** [L, H, D] each. */
export interface Parts {
  readonly keys: Float32Array;
  readonly values: Float32Array;
}

/** The keys [L, H, D] of a side as `keyMode` wants them, a copy. */
export function keysOf({ keys, position }: SideState, keyMode: KeyMode, shape: AccumulatorShape) {
  const copy = keys.slice();
  return keyMode === 'unrotated' ? copy : rotateHeads(copy, shape.headDim, position, shape.rope);
}

/** Positive minus negative, [L, H, D] each. */
export function pairDifference(
  positive: SideState,
  negative: SideState,
  keyMode: KeyMode,
  shape: AccumulatorShape,
): Parts {
  return {
    keys: difference(keysOf(positive, keyMode, shape), keysOf(negative, keyMode, shape)),
    values: difference(positive.values, negative.values),
  };
}

/** What a {@link PairAccumulator} holds, to store and go on from. */
export interface PairAccumulatorState {
  readonly count: number;
  /** Sums of the two sides' extraction positions. */
  readonly positions: readonly [positive: number, negative: number];
  /** Values, un-rotated keys and post-RoPE keys of even and odd pairs each, then the artefact: seven. */
  readonly moments: readonly MomentsState[];
  /** Of values, un-rotated and post-RoPE keys: [blocks, L * H * D]. */
  readonly blocks: readonly Float32Array[];
}

/** Positive minus negative, mean over pairs, in float64 and in memory that does not grow with the pairs. */
export class PairAccumulator {
  readonly #shape: AccumulatorShape;
  /** By half: even pairs, odd pairs. Each [L, H, D]. */
  readonly #values: readonly [Moments, Moments];
  readonly #unrotated: readonly [Moments, Moments];
  readonly #postRope: readonly [Moments, Moments];
  readonly #artefact: Moments;
  /** For the bootstrap: sums of every 32nd pair. */
  readonly #blocks: {
    readonly values: BlockSums;
    readonly unrotated: BlockSums;
    readonly postRope: BlockSums;
  };
  #positive = 0;
  #negative = 0;
  #count = 0;

  /** @param state of an accumulator of the same shape, to go on from. */
  constructor(shape: AccumulatorShape, state?: PairAccumulatorState) {
    this.#shape = shape;
    const size = shape.layers * shape.kvHeads * shape.headDim;
    const moments = (i: number) => (state ? Moments.from(state.moments[i]!) : new Moments(size));
    const blocks = (i: number) => new BlockSums(size, state?.count, state?.blocks[i]);
    this.#values = [moments(0), moments(1)];
    this.#unrotated = [moments(2), moments(3)];
    this.#postRope = [moments(4), moments(5)];
    this.#artefact = moments(6);
    this.#blocks = { values: blocks(0), unrotated: blocks(1), postRope: blocks(2) };
    if (state === undefined) return;
    this.#count = state.count;
    [this.#positive, this.#negative] = state.positions;
  }

  /** A copy of what is held. */
  state(): PairAccumulatorState {
    const all = [...this.#values, ...this.#unrotated, ...this.#postRope, this.#artefact];
    const { values, unrotated, postRope } = this.#blocks;
    return {
      count: this.#count,
      positions: [this.#positive, this.#negative],
      moments: all.map((moments) => moments.state()),
      blocks: [values, unrotated, postRope].map(({ sums }) => sums.slice()),
    };
  }

  /** Pairs added. */
  get count(): number {
    return this.#count;
  }

  /** Adds one pair. @throws InvalidArgumentError if a tensor is not [L, H, D]. */
  add(positive: SideState, negative: SideState): void {
    const half = (this.#count % 2) as 0 | 1;
    const shape = this.#shape;
    const postRope = pairDifference(positive, negative, 'post-rope', shape).keys;
    const { keys: unrotated, values } = pairDifference(positive, negative, 'unrotated', shape);
    const shared = positive.keys.map((key, i) => (key + negative.keys[i]!) / 2);
    const turned = (side: SideState) => keysOf({ ...side, keys: shared }, 'post-rope', shape);
    this.#values[half].add(values);
    this.#unrotated[half].add(unrotated);
    this.#postRope[half].add(postRope);
    this.#artefact.add(difference(turned(positive), turned(negative)));
    this.#blocks.values.add(values);
    this.#blocks.unrotated.add(unrotated);
    this.#blocks.postRope.add(postRope);
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
  result(keyMode: KeyMode): Parts & { readonly statistics: VectorStatistics } {
    if (this.#count === 0)
      throw new InvalidArgumentError('pairs', 'At least one pair is needed, found none.');
    const { layers, headDim } = this.#shape;
    const keyHalves = keyMode === 'unrotated' ? this.#unrotated : this.#postRope;
    const keyBlocks = keyMode === 'unrotated' ? this.#blocks.unrotated : this.#blocks.postRope;
    const halves = <T>(compare: (even: Float32Array, odd: Float32Array) => T) => {
      const of = ([even, odd]: readonly [Moments, Moments]) => compare(even.mean(), odd.mean());
      return { keys: of(keyHalves), values: of(this.#values) };
    };
    const unrotated = meanOf(this.#unrotated);
    const postRope = meanOf(this.#postRope);
    const interval = {
      keys: normInterval(keyBlocks, this.#shape),
      values: normInterval(this.#blocks.values, this.#shape),
    };
    return {
      keys: keyMode === 'unrotated' ? unrotated : postRope,
      values: meanOf(this.#values),
      statistics: {
        positions: { positive: this.#positive / this.#count, negative: this.#negative / this.#count },
        splitHalf: this.#count < 2 ? null : halves((even, odd) => layerCosines(even, odd, layers)),
        ...(this.#count >= 2 && {
          headSplitHalf: halves((even, odd) => headCosines(even, odd, layers, headDim)),
        }),
        ...(interval.keys &&
          interval.values && { normInterval: { keys: interval.keys, values: interval.values } }),
        artefact: positionArtefact(postRope, this.#artefact.mean(), unrotated, this.#shape),
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
