/** Order statistics over float32 scores in linear time: no step of sampling sorts a vocabulary. */

const BUCKETS = 1 << 16;
/** Shared: a call uses it up before it returns. */
const sums = new Float64Array(BUCKETS);

/** An unsigned integer that orders as the finite float32 with these bits (read as int32) does; -0 equals +0. */
export function orderedKey(bits: number): number {
  if (bits >= 0) return (bits | 0x80000000) >>> 0;
  return bits === -0x80000000 ? 0x80000000 : ~bits >>> 0;
}

export interface Threshold {
  /** Key of the last entry needed; 0, below every key, where all entries together do not reach the target. */
  readonly key: number;
  /** Summed weight of the entries with a larger key. */
  readonly above: number;
}

/**
 * Going through the entries from the largest key down, where does the summed weight first reach `target`? Two passes of
 * a histogram, over the upper and then the lower 16 bits.
 *
 * @param keys {@link orderedKey}s; the first `count` are read.
 * @param weights >= 0, beside `keys`; null counts every entry as 1.
 * @param target > 0.
 */
export function findThreshold(
  keys: Uint32Array,
  weights: Float64Array | null,
  count: number,
  target: number,
): Threshold {
  sums.fill(0);
  for (let i = 0; i < count; i++) sums[keys[i]! >>> 16]! += weights === null ? 1 : weights[i]!;
  const upper = descend(0, target);
  if (upper.bucket < 0) return { key: 0, above: upper.above };

  sums.fill(0);
  for (let i = 0; i < count; i++) {
    const key = keys[i]!;
    if (key >>> 16 === upper.bucket) sums[key & 0xffff]! += weights === null ? 1 : weights[i]!;
  }
  const lower = descend(upper.above, target);
  // The two passes add in different orders; rounding may leave the second just short. Then the whole bucket is needed.
  if (lower.bucket < 0) return { key: (upper.bucket << 16) >>> 0, above: lower.above };
  return { key: ((upper.bucket << 16) | lower.bucket) >>> 0, above: lower.above };
}

function descend(start: number, target: number): { bucket: number; above: number } {
  let above = start;
  for (let bucket = BUCKETS - 1; bucket >= 0; bucket--) {
    const next = above + sums[bucket]!;
    if (next >= target) return { bucket, above };
    above = next;
  }
  return { bucket: -1, above };
}
