/** Activation steering, the rival: a vector added to the residual stream. L layers, C hidden size. */
import type { Engine } from '../engine/engine.ts';
import { InvalidArgumentError } from '../errors.ts';
import type { ContrastivePair, PairSide } from '../pairs/pair.ts';
import { inOrder } from '../vectors/in-order.ts';

export interface ActivationVector {
  /** [L, C]: mean over pairs of the residual stream after each layer at the extraction position, positive minus negative. */
  readonly hidden: Float32Array;
  /** L */
  readonly layers: number;
  readonly pairs: number;
}

export interface ActivationPlan {
  readonly vector: ActivationVector;
  /** The offset is added after this layer. */
  readonly layer: number;
  /** Times the mean difference. */
  readonly strength: number;
  /**
   * `every`: at the token fed after the prompt and at every generated one, as CAA does (Rimsky et al., arXiv 2312.06681). `last`: at the last
   * prompt token only, the very token whose cache entry cache steering edits; nothing is left to do per token.
   */
  readonly tokens: 'every' | 'last';
}

/** strength times the layer's mean difference: [C]. */
export function activationOffset({ vector, layer, strength }: ActivationPlan): Float32Array {
  const width = vector.hidden.length / vector.layers;
  return vector.hidden.slice(layer * width, (layer + 1) * width).map((x) => x * strength);
}

/**
 * The activation vector of the same pairs that a cache vector is made of: mean difference of the residual stream at the
 * extraction position, after each layer. Accumulated in float64, in the order of the pairs.
 *
 * @throws InvalidArgumentError for no pairs, or a model without residual taps; ContextOverflowError; the signal's reason.
 */
export async function extractActivation(
  engine: Engine,
  pairs: readonly ContrastivePair[],
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<ActivationVector> {
  if (pairs.length === 0) throw new InvalidArgumentError('pairs', 'Expected at least one contrastive pair.');
  const { layers, hidden } = engine.model;
  const sum = new Float64Array(layers * hidden);
  const read = async ({ tokens, position }: PairSide, stop: AbortSignal) => {
    const { cache, hidden: states } = await engine.prefill(tokens.slice(0, position + 1), {
      hidden: true,
      signal: stop,
    });
    await cache[Symbol.asyncDispose]();
    return states!;
  };
  const both = async (pair: ContrastivePair, _: number, stop: AbortSignal) =>
    [await read(pair.positive, stop), await read(pair.negative, stop)] as const;
  for await (const [positive, negative] of inOrder(pairs, both, 2, signal)) {
    for (let i = 0; i < sum.length; i++) sum[i]! += positive[i]! - negative[i]!;
  }
  return { hidden: Float32Array.from(sum, (x) => x / pairs.length), layers, pairs: pairs.length };
}
