/**
 * Running mean and variance of float32 vectors. The sum is a compensated (Neumaier) float64 sum, so that shards of an
 * extraction, added in whatever order and merged, agree to the last bit of the float32 mean in all but contrived cases;
 * squared deviations follow Welford, merged as Chan et al. do, and so never go negative.
 */
import { InvalidArgumentError } from '../errors.ts';

/** What an accumulator holds; plain arrays to store or send. `sum + compensation` is the sum of the vectors. */
export interface MomentsState {
  /** Vectors added, an integer >= 0. */
  readonly count: number;
  /** [n] */
  readonly sum: Float64Array;
  /** [n] */
  readonly compensation: Float64Array;
  /** [n], sums of squared deviations from the mean, >= 0. */
  readonly squaredDeviations: Float64Array;
}

export class Moments {
  /** n */
  readonly length: number;
  #count = 0;
  readonly #sum: Float64Array<ArrayBuffer>;
  readonly #compensation: Float64Array<ArrayBuffer>;
  readonly #squaredDeviations: Float64Array<ArrayBuffer>;

  /** @param length n, elements of each vector. @throws InvalidArgumentError unless an integer from 0 to 2^28. */
  constructor(length: number) {
    if (!Number.isSafeInteger(length) || length < 0 || length > 2 ** 28) {
      throw new InvalidArgumentError('length', `length must be an integer from 0 to 2^28, not ${length}.`);
    }
    this.length = length;
    this.#sum = new Float64Array(length);
    this.#compensation = new Float64Array(length);
    this.#squaredDeviations = new Float64Array(length);
  }

  /** Goes on from {@link Moments.state}, copied. @throws InvalidArgumentError if the state is not one. */
  static from(state: MomentsState): Moments {
    requireState(state);
    const moments = new Moments(state.sum.length);
    moments.#count = state.count;
    moments.#sum.set(state.sum);
    moments.#compensation.set(state.compensation);
    moments.#squaredDeviations.set(state.squaredDeviations);
    return moments;
  }

  /** Vectors added. */
  get count(): number {
    return this.#count;
  }

  /** Adds one vector [n]. @throws InvalidArgumentError if its length differs. */
  add(values: Float32Array): void {
    this.#requireLength(values.length);
    const before = this.#count;
    const after = ++this.#count;
    for (let i = 0; i < values.length; i++) {
      const value = values[i]!;
      const deviation = before === 0 ? 0 : value - this.#meanAt(i, before);
      this.#addToSum(i, value);
      this.#squaredDeviations[i]! += (deviation * deviation * before) / after;
    }
  }

  /** Adds everything that `other` holds; `other` stays as it is. @throws InvalidArgumentError if its length differs. */
  merge(other: Moments): void {
    this.#requireLength(other.length);
    if (other.#count === 0) return;
    const before = this.#count;
    const added = other.#count;
    const after = before + added;
    for (let i = 0; i < this.length; i++) {
      const deviation = before === 0 ? 0 : other.#meanAt(i, added) - this.#meanAt(i, before);
      const between = deviation * deviation * ((before * added) / after);
      this.#squaredDeviations[i]! += other.#squaredDeviations[i]! + between;
      // Read both first: `other` may be this accumulator.
      const sum = other.#sum[i]!;
      const compensation = other.#compensation[i]!;
      this.#addToSum(i, sum);
      this.#addToSum(i, compensation);
    }
    this.#count = after;
  }

  /** Mean [n]. @throws InvalidArgumentError if nothing was added. */
  mean(): Float32Array<ArrayBuffer> {
    this.#requireCount(1);
    return Float32Array.from({ length: this.length }, (_, i) => this.#meanAt(i, this.#count));
  }

  /** Unbiased sample variance [n] (divided by count - 1). @throws InvalidArgumentError with fewer than two vectors. */
  variance(): Float64Array<ArrayBuffer> {
    this.#requireCount(2);
    return this.#squaredDeviations.map((squares) => squares / (this.#count - 1));
  }

  /** A copy of what is held, for {@link Moments.from}. */
  state(): MomentsState {
    return {
      count: this.#count,
      sum: this.#sum.slice(),
      compensation: this.#compensation.slice(),
      squaredDeviations: this.#squaredDeviations.slice(),
    };
  }

  #meanAt(i: number, count: number): number {
    return (this.#sum[i]! + this.#compensation[i]!) / count;
  }

  #addToSum(i: number, value: number): void {
    const sum = this.#sum[i]!;
    const total = sum + value;
    // What rounding `total` lost, exactly.
    const lost = Math.abs(sum) >= Math.abs(value) ? sum - total + value : value - total + sum;
    this.#sum[i] = total;
    this.#compensation[i]! += lost;
  }

  #requireLength(length: number): void {
    if (length !== this.length) {
      throw new InvalidArgumentError('length', `Expected vectors of ${this.length} elements, not ${length}.`);
    }
  }

  #requireCount(least: number): void {
    if (this.#count < least) {
      throw new InvalidArgumentError(
        'count',
        `At least ${least} vectors are needed, ${this.#count} were added.`,
      );
    }
  }
}

function requireState({ count, sum, compensation, squaredDeviations }: MomentsState): void {
  const sameLength = sum.length === compensation.length && sum.length === squaredDeviations.length;
  if (!Number.isSafeInteger(count) || count < 0 || !sameLength) {
    throw new InvalidArgumentError(
      'state',
      `Expected a count >= 0 and three arrays of one length, found count ${count} and lengths ` +
        `${sum.length}, ${compensation.length}, ${squaredDeviations.length}.`,
    );
  }
}
