/** Pruning: a vector with some of its KV heads set to zero, keys and values alike. L layers, H KV heads, D head size. */
import { InvalidArgumentError } from '../errors.ts';
import { firstSteeredLayer, headNorms } from './statistics.ts';
import { makeVector, type SteeringVector } from './vector.ts';

/** One KV head of one layer, with the number that it is chosen by. */
export interface ScoredHead {
  readonly layer: number;
  readonly head: number;
  readonly score: number;
}

/** How many heads stay: the `top` ones of all layers together, or those that score `atLeast` so much. */
export type HeadChoice = { readonly top: number } | { readonly atLeast: number };

/**
 * The heads of `kept` as they are, all others zero. With no head kept, steering by it changes nothing.
 *
 * @param kept [L] lists of heads.
 * @throws InvalidArgumentError for heads that the vector does not have.
 */
export function keepHeads(vector: SteeringVector, kept: readonly (readonly number[])[]): SteeringVector {
  const { kvHeads, headDim } = vector.model;
  const keptHeads = kept.map((heads, layer) =>
    [...new Set(heads)].sort((a, b) => a - b).filter((head) => isThere(vector, layer, head)),
  );
  const pruned = (tensor: Float32Array) =>
    tensor.map((value, i) => {
      const index = Math.floor(i / headDim);
      return keptHeads[Math.floor(index / kvHeads)]?.includes(index % kvHeads) ? value : 0;
    });
  return makeVector({
    ...vector,
    keptHeads,
    keys: pruned(vector.keys),
    values: pruned(vector.values),
    centroids:
      vector.centroids?.map((centroid) => ({
        ...centroid,
        keys: pruned(centroid.keys),
        values: pruned(centroid.values),
      })) ?? null,
  });
}

/** A head that an earlier pruning took away is not kept again. */
function isThere({ keptHeads }: SteeringVector, layer: number, head: number): boolean {
  return keptHeads === null || (keptHeads[layer]?.includes(head) ?? false);
}

/**
 * The best heads by score, ties to the lower layer and head.
 *
 * @throws InvalidArgumentError unless `top` is an integer >= 0 or `atLeast` a number.
 */
export function chooseHeads(scores: readonly ScoredHead[], choice: HeadChoice, layers: number): number[][] {
  const limit = 'top' in choice ? choice.top : choice.atLeast;
  if ('top' in choice ? !Number.isSafeInteger(limit) || limit < 0 : !Number.isFinite(limit)) {
    throw new InvalidArgumentError(
      'heads',
      `Expected { top: an integer >= 0 } or { atLeast: a number }, found ${limit}.`,
    );
  }
  const chosen =
    'top' in choice
      ? scores.toSorted((a, b) => b.score - a.score || a.layer - b.layer || a.head - b.head).slice(0, limit)
      : scores.filter(({ score }) => score >= limit);
  const kept = Array.from({ length: layers }, (): number[] => []);
  for (const { layer, head } of chosen) kept[layer]!.push(head);
  return kept.map((heads) => heads.sort((a, b) => a - b));
}

/**
 * The heads whose values move furthest (arXiv 2507.08799's reference code has this), among the layers from 1 on.
 *
 * @throws as {@link chooseHeads}.
 */
export function pruneByNorm(vector: SteeringVector, choice: HeadChoice): SteeringVector {
  const { layers, headDim } = vector.model;
  const scores = scored(headNorms(vector.values, layers, headDim));
  return keepHeads(vector, chooseHeads(scores, choice, layers));
}

/**
 * The heads on which the even and the odd pairs agree best: split-half cosine of their values, among the layers from 1
 * on.
 *
 * @throws InvalidArgumentError for a vector that does not record it; as {@link chooseHeads}.
 */
export function pruneByReliability(vector: SteeringVector, choice: HeadChoice): SteeringVector {
  const halves = vector.statistics?.headSplitHalf;
  if (halves === undefined) {
    throw new InvalidArgumentError(
      'vector',
      'This vector does not record how far its pairs agree on each head: it was made by an older version, from one pair, or by algebra. ' +
        'Extract it again, or prune by norm.',
    );
  }
  return keepHeads(vector, chooseHeads(scored(halves.values), choice, vector.model.layers));
}

/** Layers from 1 on: the others are not steered by default. @param numbers [L][H] */
function scored(numbers: readonly (readonly number[])[]): ScoredHead[] {
  const from = firstSteeredLayer(numbers.length);
  return numbers.flatMap((heads, layer) =>
    layer < from ? [] : heads.map((score, head) => ({ layer, head, score })),
  );
}
