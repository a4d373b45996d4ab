/**
 * Which of a vector's centroids a prompt is steered by. Compared are the prompt's own cached values at the edited position,
 * before any edit, with each cluster's mean values of its negative prompts, over the plan's layers and heads. A layer's
 * squared distances are divided by the clusters' mean squared norm there, so that each layer counts alike.
 */
import type { KvCache } from '../engine/engine.ts';
import type { SteeringVector } from '../vectors/vector.ts';
import type { ResolvedPlan } from './plan.ts';

/** The plan with its centroids weighed, where its vector has any. */
export async function weighCentroids(plan: ResolvedPlan, cache: KvCache): Promise<ResolvedPlan> {
  const { centroids } = plan.vector;
  if (centroids === null || plan.centroids === 'mean') return plan;
  if (typeof plan.centroids === 'number') {
    return { ...plan, weights: centroids.map((_, c) => (c === plan.centroids ? 1 : 0)) };
  }
  const distances = await distancesTo(plan, cache);
  const nearest = distances.indexOf(Math.min(...distances));
  const exact = distances[nearest] === 0;
  if (plan.centroids !== 'mix' || exact) {
    return { ...plan, weights: distances.map((_, c) => (c === nearest ? 1 : 0)) };
  }
  const shares = distances.map((distance) => 1 / distance);
  const all = shares.reduce((sum, share) => sum + share, 0);
  return { ...plan, weights: shares.map((share) => share / all) };
}

/** The vector as weighed, one layer of it: [H, D]. */
export function layerOf(
  { keys, values, centroids }: SteeringVector,
  part: 'keys' | 'values',
  layer: number,
  size: number,
  weights: readonly number[] | undefined,
): Float32Array {
  const at = (tensor: Float32Array) => tensor.subarray(layer * size, (layer + 1) * size);
  if (weights === undefined || centroids === null) return at(part === 'keys' ? keys : values);
  const sum = new Float64Array(size);
  for (const [c, weight] of weights.entries()) {
    if (weight === 0) continue;
    const tensor = at(centroids[c]![part]);
    for (let i = 0; i < size; i++) sum[i]! += weight * tensor[i]!;
  }
  return Float32Array.from(sum);
}

async function distancesTo(plan: ResolvedPlan, cache: KvCache): Promise<number[]> {
  const { vector, layers, heads, position } = plan;
  const { kvHeads, headDim } = vector.model;
  const centroids = vector.centroids!;
  const distances = centroids.map(() => 0);
  for (const layer of layers) {
    const held = await cache.read({ layer, kind: 'value', position }); // [H, D]
    const squares = centroids.map(() => 0);
    let norms = 0;
    for (const head of heads) {
      for (let i = head * headDim; i < (head + 1) * headDim; i++) {
        for (const [c, { state }] of centroids.entries()) {
          const value = state[layer * kvHeads * headDim + i]!;
          squares[c]! += (held[i]! - value) ** 2;
          norms += value ** 2 / centroids.length;
        }
      }
    }
    if (norms > 0) for (const [c, square] of squares.entries()) distances[c]! += square / norms;
  }
  return distances;
}
