/** Which tokens a draw may give, and with what weight: temperature, top-k, top-p and min-p over one row of scores. */
import { findThreshold, orderedKey } from './threshold.ts';

export interface CandidateOptions {
  /** > 0 */
  readonly temperature: number;
  readonly topK: number;
  readonly topP: number;
  readonly minP: number;
}

/** Ids ascending, at least one. The arrays are reused: valid until the next call. */
export interface Candidates {
  readonly count: number;
  readonly ids: Int32Array;
  /** exp((score - largest score) / temperature): the likeliest has 1. */
  readonly weights: Float64Array;
  /** Sum of the first `count` weights. */
  readonly total: number;
}

/** Shared by all callers, since a call ends before another can begin; 16 bytes a token of the largest vocabulary seen. */
let ids = new Int32Array(0);
let keys = new Uint32Array(0);
let weights = new Float64Array(0);

/**
 * Applied in the order of transformers' `generate` (`_get_logits_processor`), each on what the one before left:
 * 1. temperature: scores divided by it;
 * 2. top-k: scores below the k-th largest go (scores equal to it stay, even past k);
 * 3. top-p: over the softmax of the rest, a token goes when the mass of those before it reaches top-p; among equal
 *    scores the lower id comes first;
 * 4. min-p: tokens less likely than min-p times the likeliest go.
 *
 * Linear in V: top-k and top-p are thresholds found by {@link findThreshold}.
 *
 * @param scores [V], finite; not changed.
 * @param largest the largest score.
 */
export function selectCandidates(
  scores: Float32Array,
  largest: number,
  options: CandidateOptions,
): Candidates {
  reserve(scores.length);
  let count =
    options.topK > 0 && options.topK < scores.length ? takeTopK(scores, options.topK) : takeAll(scores);
  let total = 0;
  for (let i = 0; i < count; i++) {
    const weight = Math.exp((scores[ids[i]!]! - largest) / options.temperature);
    weights[i] = weight;
    total += weight;
  }
  if (options.topP < 1) count = keepTopP(scores, count, options.topP * total);
  if (options.minP > 0) count = keepMinP(count, options.minP);
  if (options.topP < 1 || options.minP > 0) {
    total = 0;
    for (let i = 0; i < count; i++) total += weights[i]!;
  }
  return { count, ids, weights, total };
}

function reserve(vocabSize: number): void {
  if (ids.length >= vocabSize) return;
  ids = new Int32Array(vocabSize);
  keys = new Uint32Array(vocabSize);
  weights = new Float64Array(vocabSize);
}

function takeAll(scores: Float32Array): number {
  for (let id = 0; id < scores.length; id++) ids[id] = id;
  return scores.length;
}

function takeTopK(scores: Float32Array, topK: number): number {
  const bits = bitsOf(scores);
  for (let id = 0; id < bits.length; id++) keys[id] = orderedKey(bits[id]!);
  const { key } = findThreshold(keys, null, bits.length, topK);
  let count = 0;
  for (let id = 0; id < bits.length; id++) if (keys[id]! >= key) ids[count++] = id;
  return count;
}

function keepTopP(scores: Float32Array, count: number, target: number): number {
  const bits = bitsOf(scores);
  for (let i = 0; i < count; i++) keys[i] = orderedKey(bits[ids[i]!]!);
  const { key, above } = findThreshold(keys, weights, count, target);
  let mass = above;
  let kept = 0;
  for (let i = 0; i < count; i++) {
    if (keys[i]! < key) continue;
    if (keys[i] === key) {
      if (mass >= target) continue;
      mass += weights[i]!;
    }
    ids[kept] = ids[i]!;
    weights[kept++] = weights[i]!;
  }
  return kept;
}

function keepMinP(count: number, minP: number): number {
  let kept = 0;
  for (let i = 0; i < count; i++) {
    if (weights[i]! < minP) continue;
    ids[kept] = ids[i]!;
    weights[kept++] = weights[i]!;
  }
  return kept;
}

function bitsOf(scores: Float32Array): Int32Array {
  return new Int32Array(scores.buffer, scores.byteOffset, scores.length);
}
