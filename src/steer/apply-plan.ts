import type { Engine, KvCache, ModelInfo, Slot } from '../engine/engine.ts';
import { InvalidArgumentError } from '../errors.ts';
import { unrotateHeads } from '../tensor/rope.ts';
import { assertVectorFits, type FitOptions } from '../vectors/vector-fits.ts';
import { layerOf, weighCentroids } from './choose-centroid.ts';
import { type ResolvedPlan, resolvePlan, type SteeringPlan } from './plan.ts';

interface Edit {
  readonly slot: Slot;
  /** [H, D], as `KvCache.add` takes it. */
  readonly delta: Float32Array;
}

/**
 * The one-shot edit (arXiv 2507.08799, section 3): adds the plans' vectors to the cache in place. A coefficient of
 * 0 touches nothing. Everything is checked before anything is added.
 *
 * @returns the plans as applied, defaults filled in.
 * @throws ModelMismatchError, InvalidArgumentError; what the cache throws (then it may be partly edited: dispose
 * of it).
 */
export async function applyPlan(
  cache: KvCache,
  plans: SteeringPlan | readonly SteeringPlan[],
  engine: Pick<Engine, 'model' | 'tokenizer'>,
  options: FitOptions = {},
): Promise<ResolvedPlan[]> {
  // Centroids are weighed by the cache as it was, whatever other plans add.
  const resolved: ResolvedPlan[] = [];
  for (const plan of checkPlans(plans, engine, cache.length, options)) {
    resolved.push(await weighCentroids(plan, cache));
  }
  const edits = resolved.flatMap((plan) => editsOf(plan, engine.model));
  for (const { slot, delta } of edits) await cache.add(slot, delta);
  return resolved;
}

/**
 * The plans with defaults filled in, for a cache of that length. @throws ModelMismatchError, InvalidArgumentError.
 */
export function checkPlans(
  plans: SteeringPlan | readonly SteeringPlan[],
  { model, tokenizer }: Pick<Engine, 'model' | 'tokenizer'>,
  cacheLength: number,
  options: FitOptions = {},
): ResolvedPlan[] {
  const list = 'vector' in plans ? [plans] : plans;
  return list.map((plan) => {
    assertVectorFits(plan.vector, model, tokenizer, options);
    return resolvePlan(plan, model, cacheLength);
  });
}

function editsOf(plan: ResolvedPlan, model: ModelInfo): Edit[] {
  const { vector, position } = plan;
  const edits: Edit[] = [];
  for (const layer of plan.layers) {
    if (plan.keys !== 0) {
      const delta = scaled('keys', plan, layer, model);
      // A published key vector is added to the rotated key as it is. The cache takes un-rotated deltas and rotates them to
      // the position; rotation is linear, so taking it off here first comes to the same.
      if (vector.keyMode === 'post-rope') unrotateHeads(delta, model.headDim, position, model.rope);
      edits.push({ slot: { layer, kind: 'key', position }, delta });
    }
    if (plan.values !== 0) {
      edits.push({ slot: { layer, kind: 'value', position }, delta: scaled('values', plan, layer, model) });
    }
  }
  return edits;
}

/** coefficient * vector in one layer, zero outside the plan's heads: [H, D]. */
function scaled(part: 'keys' | 'values', plan: ResolvedPlan, layer: number, model: ModelInfo): Float32Array {
  const { kvHeads, headDim } = model;
  const delta = new Float32Array(kvHeads * headDim);
  const added = layerOf(plan.vector, part, layer, delta.length, plan.weights);
  for (const head of plan.heads) {
    for (let i = head * headDim; i < (head + 1) * headDim; i++) {
      delta[i] = plan[part] * added[i]!;
    }
  }
  if (!delta.every(Number.isFinite)) {
    throw new InvalidArgumentError(
      part,
      `The coefficient ${plan[part]} takes the ${part} of layer ${layer} past float32. Use a smaller one.`,
    );
  }
  return delta;
}
