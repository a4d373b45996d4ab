/**
 * How sure a vector's norm is: a bootstrap over pairs, from sums that were kept while the pairs streamed by, so that it
 * needs neither the pairs nor the model again.
 *
 * Pair i goes into block i mod 32; whole blocks are drawn with replacement. With up to 32 pairs each block is one pair,
 * and this is the plain bootstrap; with more, blocks of equal size vary as their pairs do. The norms of 500 resampled
 * means need only the blocks' inner products, head by head.
 *
 * A mean of n noisy differences is longer than the true one, and a resampled mean is longer by as much again. So the
 * interval is the basic one, mirrored at the estimate m: [2 m - q(97.5 %), 2 m - q(2.5 %)] (Davison and Hinkley,
 * Bootstrap Methods and their Application, 1997, section 5.2). It lies below m where few pairs disagree.
 */
import { dot } from '../tensor/maths.ts';
import { type Random, seededRandom } from '../tensor/random.ts';
import { brief, firstSteeredLayer } from './statistics.ts';

/** A 95 % interval of the mean over heads, layers from 1 on, of a head's norm. */
export interface NormInterval {
  readonly low: number;
  readonly high: number;
}

export interface NormIntervals {
  readonly keys: NormInterval;
  readonly values: NormInterval;
}

const BLOCKS = 32;
const RESAMPLES = 500;
/** With fewer pairs no interval is worth its name. */
const LEAST_PAIRS = 8;

/** Sums of differences [n] in up to 32 blocks. */
export class BlockSums {
  /** [32, n] */
  readonly sums: Float32Array;
  readonly #length: number;
  #count: number;

  /** @param length n @param count added before, in `sums`, which is copied. */
  constructor(length: number, count = 0, sums?: Float32Array) {
    this.#length = length;
    this.#count = count;
    this.sums = sums?.slice() ?? new Float32Array(BLOCKS * length);
  }

  get count(): number {
    return this.#count;
  }

  /** Blocks in use. */
  get blocks(): number {
    return Math.min(this.#count, BLOCKS);
  }

  /** Differences in a block. */
  countOf(block: number): number {
    return Math.floor(this.#count / BLOCKS) + (block < this.#count % BLOCKS ? 1 : 0);
  }

  add(difference: Float32Array): void {
    const at = (this.#count % BLOCKS) * this.#length;
    for (let i = 0; i < this.#length; i++) this.sums[at + i]! += difference[i]!;
    this.#count++;
  }
}

/**
 * @param blocks of [L, H, D] differences.
 * @param random draws the blocks; default: the same numbers each time.
 * @returns null with fewer than 8 pairs.
 */
export function normInterval(
  blocks: BlockSums,
  {
    layers,
    kvHeads,
    headDim,
  }: { readonly layers: number; readonly kvHeads: number; readonly headDim: number },
  random: Random = seededRandom(0),
): NormInterval | null {
  if (blocks.count < LEAST_PAIRS) return null;
  const used = blocks.blocks;
  const size = layers * kvHeads * headDim;
  const heads: Float64Array[] = [];
  for (let at = firstSteeredLayer(layers) * kvHeads * headDim; at < size; at += headDim) {
    heads.push(innerProducts(blocks.sums, used, size, at, headDim));
  }
  const drawn = new Uint8Array(used);
  const meanNorm = () => {
    const chosen = [...drawn.keys()].filter((block) => drawn[block]! > 0);
    const pairs = chosen.reduce((sum, block) => sum + drawn[block]! * blocks.countOf(block), 0);
    let total = 0;
    for (const products of heads) {
      let square = 0;
      for (const a of chosen) {
        let row = 0;
        for (const b of chosen) row += drawn[b]! * products[a * used + b]!;
        square += drawn[a]! * row;
      }
      total += Math.sqrt(Math.max(0, square));
    }
    return total / heads.length / pairs;
  };
  drawn.fill(1);
  const estimate = meanNorm();
  const norms = new Float64Array(RESAMPLES);
  for (let r = 0; r < RESAMPLES; r++) {
    drawn.fill(0);
    for (let i = 0; i < used; i++) drawn[Math.floor(random() * used)]! += 1;
    norms[r] = meanNorm();
  }
  norms.sort();
  return {
    low: brief(Math.max(0, 2 * estimate - quantile(norms, 0.975))),
    high: brief(Math.max(0, 2 * estimate - quantile(norms, 0.025))),
  };
}

/** [used, used]: the blocks' inner products over one head's D numbers. */
function innerProducts(sums: Float32Array, used: number, size: number, at: number, headDim: number) {
  const products = new Float64Array(used * used);
  const head = (block: number) => sums.subarray(block * size + at, block * size + at + headDim);
  for (let a = 0; a < used; a++) {
    for (let b = 0; b <= a; b++) {
      const product = dot(head(a), head(b));
      products[a * used + b] = product;
      products[b * used + a] = product;
    }
  }
  return products;
}

function quantile(sorted: Float64Array, q: number): number {
  const at = (sorted.length - 1) * q;
  const low = Math.floor(at);
  return sorted[low]! + (sorted[Math.ceil(at)]! - sorted[low]!) * (at - low);
}
