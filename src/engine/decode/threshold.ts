/** Order statistics over float32 scores in linear time: no step of sampling sorts a vocabulary. */

/** A key's 32 bits are looked at 11, 11 and 10 at a time: few enough buckets that clearing them costs nothing. */
const levels = [
  { shift: 21, mask: 0x7ff },
  { shift: 10, mask: 0x7ff },
  { shift: 0, mask: 0x3ff },
] as const;
/** Shared: a call uses it up before it returns. */
const sums = new Float64Array(0x800);

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
 * Going through the entries from the largest key down, where does the summed weight first reach `target`? Three passes
 * of a histogram, each inside the bucket that the one before found.
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
  /** Bits of the key found so far, and those of the keys that are compared with them. */
  let key = 0;
  let found = 0;
  let above = 0;
  for (const { shift, mask } of levels) {
    sums.fill(0);
    for (let i = 0; i < count; i++) {
      const other = keys[i]!;
      if (((other ^ key) & found) === 0)
        sums[(other >>> shift) & mask]! += weights === null ? 1 : weights[i]!;
    }
    let bucket = mask;
    while (bucket >= 0 && above + sums[bucket]! < target) above += sums[bucket--]!;
    // Passes add in different orders, so rounding may leave a later one just short: then all of its bucket is needed.
    if (bucket < 0) break;
    key |= bucket << shift;
    found |= mask << shift;
  }
  return { key: key >>> 0, above };
}
