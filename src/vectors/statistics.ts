/**
 * What is measured while a vector is extracted, for `inspect`. L layers, H KV heads, D head size.
 *
 * Keys are cached post-RoPE, and positive prompts are longer than negative ones. With R(p) the rotation to
 * position p and a pair's un-rotated keys k+ at p and k- at n, the published difference splits exactly into
 *   R(p) k+ - R(n) k-  =  [R(p) - R(n)] (k+ + k-) / 2   (the *same* key at two positions: the position artefact)
 *                       + [R(p) + R(n)] / 2 (k+ - k-)   (what differs in content).
 * A is the mean over pairs of the first line, M the mean of the left side. Per layer, over its H x D numbers:
 * `cosine` is that of M and A, and `shareLeft` = |M - (projection of M on A)|^2 / |M|^2 = 1 - cosine^2.
 */
import { cosine, dot, norm } from '../tensor/maths.ts';
import type { NormIntervals } from './norm-interval.ts';

/** A cosine over all layers from 1 on together (layer 0 is not steered by default), and layer by layer. */
export interface LayerCosines {
  readonly overall: number;
  /** [L] */
  readonly layers: readonly number[];
}

/** How much of the post-RoPE key vector only says that positive prompts are longer. */
export interface PositionArtefact {
  /** Cosine of M and A over the layers from 1 on, and by layer; 0 where either is zero. */
  readonly cosine: LayerCosines;
  /**
   * Share of |M|^2 that is left without its artefact, [0, 1]: by layer as above; overall, what is left in all
   * layers from 1 on by what was there (each layer's own artefact direction removed). 1 where there is no
   * artefact.
   */
  readonly shareLeft: LayerCosines;
  /** Mean over heads, layers from 1 on, of a head's ||M||. */
  readonly postRopeNorm: number;
  /** The same of the un-rotated mean difference. */
  readonly unrotatedNorm: number;
}

export interface VectorStatistics {
  /** Mean extraction position of each side. */
  readonly positions: { readonly positive: number; readonly negative: number };
  /**
   * Cosine of the mean differences of the even and the odd pairs (the keys in the vector's own key mode): near 1,
   * the pairs agree and there are enough of them. Null with a single pair.
   */
  readonly splitHalf: { readonly keys: LayerCosines; readonly values: LayerCosines } | null;
  /** The same of single KV heads, [L][H]. Not in files written by the first versions, nor with a single pair. */
  readonly headSplitHalf?: { readonly keys: HeadNumbers; readonly values: HeadNumbers };
  /** How sure the norms are; see `norm-interval.ts`. Not in files of the first versions, nor with few pairs. */
  readonly normInterval?: NormIntervals;
  readonly artefact: PositionArtefact;
}

/** [L][H] */
export type HeadNumbers = readonly (readonly number[])[];

/** First of the layers that overall numbers cover: 1, or 0 where the model has a single layer. */
export function firstSteeredLayer(layers: number): number {
  return Math.min(1, layers - 1);
}

/** @param a [L, H, D] @param b [L, H, D] */
export function layerCosines(a: Float32Array, b: Float32Array, layers: number): LayerCosines {
  const size = a.length / layers;
  const from = firstSteeredLayer(layers) * size;
  const layer = (tensor: Float32Array, l: number) => tensor.subarray(l * size, (l + 1) * size);
  return {
    overall: brief(cosine(a.subarray(from), b.subarray(from))),
    layers: Array.from({ length: layers }, (_, l) => brief(cosine(layer(a, l), layer(b, l)))),
  };
}

/** [L][H]: cosine of each head's D numbers. @param a [L, H, D] @param b [L, H, D] */
export function headCosines(a: Float32Array, b: Float32Array, layers: number, headDim: number): number[][] {
  const heads = a.length / layers / headDim;
  return Array.from({ length: layers }, (_, l) =>
    Array.from({ length: heads }, (_, h) => {
      const at = (l * heads + h) * headDim;
      return brief(cosine(a.subarray(at, at + headDim), b.subarray(at, at + headDim)));
    }),
  );
}

/**
 * @param postRope M, [L, H, D]: the mean post-RoPE key difference.
 * @param artefact A, [L, H, D].
 * @param unrotated [L, H, D]: the mean un-rotated key difference.
 */
export function positionArtefact(
  postRope: Float32Array,
  artefact: Float32Array,
  unrotated: Float32Array,
  shape: { readonly layers: number; readonly headDim: number },
): PositionArtefact {
  const { layers, headDim } = shape;
  const size = postRope.length / layers;
  const from = firstSteeredLayer(layers);
  let there = 0;
  let left = 0;
  const leftByLayer: number[] = [];
  for (let l = 0; l < layers; l++) {
    const m = postRope.subarray(l * size, (l + 1) * size);
    const a = artefact.subarray(l * size, (l + 1) * size);
    const share = 1 - cosine(m, a) ** 2;
    leftByLayer.push(brief(share));
    if (l < from) continue;
    there += dot(m, m);
    left += dot(m, m) * share;
  }
  return {
    cosine: layerCosines(postRope, artefact, layers),
    shareLeft: { overall: there === 0 ? 1 : brief(left / there), layers: leftByLayer },
    postRopeNorm: brief(meanHeadNorm(postRope, layers, headDim)),
    unrotatedNorm: brief(meanHeadNorm(unrotated, layers, headDim)),
  };
}

/** Mean over heads, layers from 1 on, of the norm of a head's D numbers. @param tensor [L, H, D] */
export function meanHeadNorm(tensor: Float32Array, layers: number, headDim: number): number {
  const norms = headNorms(tensor, layers, headDim).slice(firstSteeredLayer(layers)).flat();
  return norms.reduce((sum, value) => sum + value, 0) / norms.length;
}

/** [L][H] norms of each head's D numbers. @param tensor [L, H, D] */
export function headNorms(tensor: Float32Array, layers: number, headDim: number): number[][] {
  const heads = tensor.length / layers / headDim;
  return Array.from({ length: layers }, (_, l) =>
    Array.from({ length: heads }, (_, h) => {
      const at = (l * heads + h) * headDim;
      return norm(tensor.subarray(at, at + headDim));
    }),
  );
}

/** Six significant digits: these numbers are stored as text in the vector's file. */
export function brief(value: number): number {
  return Number(value.toPrecision(6));
}
