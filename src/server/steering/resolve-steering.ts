import type { Engine } from '../../engine/engine.ts';
import { InvalidArgumentError } from '../../errors.ts';
import { type ResolvedPlan, resolvePlan, type SteeringPlan } from '../../steer/plan.ts';
import { ApiError, badRequest } from '../api-error.ts';
import type { StoredVector } from '../vectors/stored-vector.ts';
import type { VectorStore } from '../vectors/vector-store.ts';
import type { PatternGate, Probe } from './gate.ts';
import type { SteeringEntry } from './steering-field.ts';

/** One vector of a request, with its file in hand. */
export interface Steering {
  readonly stored: StoredVector;
  /** One a position. */
  readonly plans: readonly SteeringPlan[];
  readonly gate: PatternGate | { readonly probe: Probe } | null;
  /** The field of the request to blame. */
  readonly param: string;
}

/**
 * Looks up what the entries name.
 *
 * @throws ApiError 404 for a vector that is not there, 400 for a probe that a vector does not have.
 */
export async function resolveSteering(
  entries: readonly SteeringEntry[],
  store: VectorStore,
  param: string,
): Promise<Steering[]> {
  const found: Steering[] = [];
  for (const { vector: name, positions, when, ...settings } of entries) {
    const stored = await store.get(name, param);
    const plan: SteeringPlan = { vector: stored.vector, ...defined(settings) };
    let gate: Steering['gate'] = when === undefined ? stored.gate : null;
    if (when && 'regex' in when) gate = when;
    if (when && 'probe' in when) {
      const { gate: other } = await store.get(when.probe, `${param}.when`);
      if (other === null || !('probe' in other)) {
        throw badRequest(`The vector ${when.probe} has no probe.`, `${param}.when`, 'probe_not_found');
      }
      gate = other;
    }
    found.push({
      stored,
      plans: positions?.map((position) => ({ ...plan, position })) ?? [plan],
      gate,
      param,
    });
  }
  return found;
}

/** The plans with all defaults, for a cache of that length. @throws ApiError 400 for what the model does not have. */
export function resolvePlans(
  { plans, stored, param }: Steering,
  { model }: Engine,
  cacheLength: number,
): ResolvedPlan[] {
  try {
    return plans.map((plan) => resolvePlan(plan, model, cacheLength));
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) throw error;
    throw new ApiError(400, 'invalid_steering', `${stored.name}: ${error.message}`, { param, cause: error });
  }
}

function defined<T extends object>(value: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as never;
}
