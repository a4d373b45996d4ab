import type { KvCache } from '../../engine/engine.ts';
import { badRequest } from '../api-error.ts';
import type { Probe } from './gate.ts';

/** The probe's score on the state of a cache's position: steer where it is above 0. @throws ApiError where it does not fit the model. */
export async function askProbe(
  probe: Probe,
  cache: KvCache,
  position: number,
  param: string,
): Promise<number> {
  let state: Float32Array;
  try {
    state = await cache.read({ layer: probe.layer, kind: probe.kind, position }); // [H, D]
  } catch (error) {
    throw badRequest(error instanceof Error ? error.message : String(error), param, 'probe_mismatch');
  }
  if (state.length !== probe.weights.length) {
    throw badRequest(
      `The probe has ${probe.weights.length} weights, but a state of this model has ${state.length} numbers.`,
      param,
      'probe_mismatch',
    );
  }
  return probe.weights.reduce((sum, weight, i) => sum + weight * state[i]!, probe.bias);
}
