import type { Engine } from '../engine/engine.ts';
import { InvalidArgumentError } from '../errors.ts';
import type { ContrastivePair } from '../pairs/pair.ts';
import { hashPairs } from '../pairs/pair-hash.ts';
import { cosine } from '../tensor/maths.ts';
import { type MeanDifferences, PairAccumulator } from '../vectors/accumulator.ts';
import { readSide } from '../vectors/extract-vector.ts';
import {
  headNorms,
  type LayerCosines,
  meanHeadNorm,
  type PositionArtefact,
  type VectorStatistics,
} from '../vectors/statistics.ts';

/** What positive and negative prompts differ by in the cache, and how much of it position alone accounts for. */
export interface KeyDifferences {
  readonly pairs: { readonly count: number; readonly hash: string };
  /** Mean extraction position of each side. */
  readonly positions: VectorStatistics['positions'];
  readonly artefact: PositionArtefact;
  /** Mean over heads, layers from 1 on, of a head's value difference. */
  readonly valueNorm: number;
  /** Cosine of the even and the odd pairs' means; null with a single pair. */
  readonly splitHalf: Record<'postRopeKeys' | 'unrotatedKeys' | 'values', LayerCosines> | null;
  readonly heads: HeadFigures;
}

/** By layer and KV head, [L][H] each. */
export interface HeadFigures {
  /** Norm of the mean key difference as cached and published. */
  readonly postRopeNorms: readonly (readonly number[])[];
  /** The same with RoPE taken off at each key's own position first. */
  readonly unrotatedNorms: readonly (readonly number[])[];
  readonly valueNorms: readonly (readonly number[])[];
  /** Share of the post-RoPE difference's squared norm that lies along its position artefact, [0, 1]. */
  readonly artefactShares: readonly (readonly number[])[];
}

export interface MeasureDifferencesOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
}

/**
 * Reads both sides of every pair, as extraction does, and measures the mean differences with RoPE on, with RoPE off, and
 * of the pure position artefact (see `vectors/statistics.ts`).
 *
 * @returns the means themselves as well, to steer with.
 * @throws InvalidArgumentError for no pairs; ContextOverflowError naming the pair; the signal's reason.
 */
export async function measureKeyDifferences(
  engine: Engine,
  pairs: readonly ContrastivePair[],
  { signal = new AbortController().signal, onProgress }: MeasureDifferencesOptions = {},
): Promise<{ readonly differences: KeyDifferences; readonly means: MeanDifferences }> {
  if (pairs.length === 0) throw new InvalidArgumentError('pairs', 'At least one pair is needed, found none.');
  const { model } = engine;
  const accumulator = new PairAccumulator(model);
  for (const [index, { positive, negative }] of pairs.entries()) {
    signal.throwIfAborted();
    accumulator.add(
      await readSide(engine, positive, `pair ${index}, positive side`, signal),
      await readSide(engine, negative, `pair ${index}, negative side`, signal),
    );
    onProgress?.({ done: index + 1, total: pairs.length });
  }
  const means = accumulator.means();
  const unrotated = accumulator.result('unrotated').statistics;
  const postRope = accumulator.result('post-rope').statistics;
  const { layers, headDim } = model;
  const norms = (tensor: Float32Array) => headNorms(tensor, layers, headDim);
  const differences: KeyDifferences = {
    pairs: { count: pairs.length, hash: await hashPairs(pairs) },
    positions: unrotated.positions,
    artefact: unrotated.artefact,
    valueNorm: meanHeadNorm(means.values, layers, headDim),
    splitHalf:
      unrotated.splitHalf && postRope.splitHalf
        ? {
            postRopeKeys: postRope.splitHalf.keys,
            unrotatedKeys: unrotated.splitHalf.keys,
            values: unrotated.splitHalf.values,
          }
        : null,
    heads: {
      postRopeNorms: norms(means.postRopeKeys),
      unrotatedNorms: norms(means.unrotatedKeys),
      valueNorms: norms(means.values),
      artefactShares: artefactShares(means, model),
    },
  };
  return { differences, means };
}

/** [L][H]: squared cosine of each head's M and A. */
function artefactShares(
  { postRopeKeys, artefactKeys }: MeanDifferences,
  {
    layers,
    kvHeads,
    headDim,
  }: { readonly layers: number; readonly kvHeads: number; readonly headDim: number },
): number[][] {
  return Array.from({ length: layers }, (_, layer) =>
    Array.from({ length: kvHeads }, (_, head) => {
      const at = (layer * kvHeads + head) * headDim;
      return cosine(postRopeKeys.subarray(at, at + headDim), artefactKeys.subarray(at, at + headDim)) ** 2;
    }),
  );
}
