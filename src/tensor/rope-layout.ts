/**
 * The two ways to lay out RoPE's pairs in a head of D dims. Half-split (transformers): dim i with i + rotaryDim / 2.
 * Interleaved (llama.cpp for llama-architecture GGUFs): dim 2i with 2i + 1. Only the leading `rotaryDim` dims differ.
 */
import { requireHeads } from './rope.ts';

/**
 * Reorders interleaved heads to half-split, in place.
 *
 * @param keys [..., D].
 * @param headDim D.
 * @param rotaryDim even, 2 to D.
 * @returns `keys`.
 * @throws InvalidArgumentError for sizes that do not fit.
 */
export function interleavedToHalfSplit(keys: Float32Array, headDim: number, rotaryDim: number): Float32Array {
  requireHeads(keys, headDim, rotaryDim);
  const half = rotaryDim / 2;
  const head = new Float32Array(rotaryDim);
  for (let at = 0; at < keys.length; at += headDim) {
    for (let i = 0; i < half; i++) {
      head[i] = keys[at + 2 * i]!;
      head[i + half] = keys[at + 2 * i + 1]!;
    }
    keys.set(head, at);
  }
  return keys;
}

/** The inverse of {@link interleavedToHalfSplit}. Same parameters and errors. */
export function halfSplitToInterleaved(keys: Float32Array, headDim: number, rotaryDim: number): Float32Array {
  requireHeads(keys, headDim, rotaryDim);
  const half = rotaryDim / 2;
  const head = new Float32Array(rotaryDim);
  for (let at = 0; at < keys.length; at += headDim) {
    for (let i = 0; i < half; i++) {
      head[2 * i] = keys[at + i]!;
      head[2 * i + 1] = keys[at + i + half]!;
    }
    keys.set(head, at);
  }
  return keys;
}
