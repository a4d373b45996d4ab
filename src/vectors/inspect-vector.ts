import { headNorms, meanHeadNorm, type VectorStatistics } from './statistics.ts';
import type { SteeringVector } from './vector.ts';

export interface VectorInspection {
  /** [L][H]: norm of each head's key part, in the vector's key mode. */
  readonly keyNorms: readonly (readonly number[])[];
  /** [L][H] */
  readonly valueNorms: readonly (readonly number[])[];
  /** Mean of `keyNorms` over the layers from 1 on. */
  readonly meanKeyNorm: number;
  /** Mean of `valueNorms` over the layers from 1 on. */
  readonly meanValueNorm: number;
  /**
   * Split-half agreement, positions and the position artefact, as measured at extraction; null for a vector without.
   */
  readonly statistics: VectorStatistics | null;
}

/** A vector in numbers. */
export function inspectVector({ keys, values, model, statistics }: SteeringVector): VectorInspection {
  const { layers, headDim } = model;
  return {
    keyNorms: headNorms(keys, layers, headDim),
    valueNorms: headNorms(values, layers, headDim),
    meanKeyNorm: meanHeadNorm(keys, layers, headDim),
    meanValueNorm: meanHeadNorm(values, layers, headDim),
    statistics,
  };
}
