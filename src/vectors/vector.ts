/** The steering vector as an immutable value. L layers, H KV heads, D head size. */
import type { ModelInfo, Tokenizer } from '../engine/engine.ts';
import { InvalidArgumentError } from '../errors.ts';
import type { RopeConfig } from '../tensor/rope.ts';
import type { VectorStatistics } from './statistics.ts';

/**
 * How the key part was taken: `unrotated` (RoPE off at each key's own position first; content only) or `post-rope`
 * (as cached and published; mostly an artefact of the two prompts' positions, kept for parity).
 */
export type KeyMode = 'unrotated' | 'post-rope';

/** What a vector was made for. */
export interface ModelIdentity {
  readonly name: string;
  /** SHA-256 of the weights, as `ModelInfo.fingerprint`. */
  readonly fingerprint: string;
  /** L */
  readonly layers: number;
  /** H */
  readonly kvHeads: number;
  /** D */
  readonly headDim: number;
  readonly rope: RopeConfig;
  readonly chatTemplateHash: string | null;
}

/** What the maker of a vector advises; a plan that says nothing takes these. */
export interface Recommended {
  /** c_v */
  readonly values: number | null;
  /** c_k */
  readonly keys: number | null;
  readonly layers: readonly number[] | null;
}

/**
 * How the pairs became one vector; see `aggregate/`. `random` is a control with a vector's norms and no content,
 * `combined` the algebra's result, `imported` another tool's.
 */
export const aggregations = [
  'mean',
  'median',
  'pca',
  'kmeans',
  'whitened',
  'random',
  'combined',
  'imported',
] as const;
export type Aggregation = (typeof aggregations)[number];

/** The vector of one cluster of pairs. */
export interface Centroid {
  /** [L, H, D], in the vector's key mode; not to be written to. */
  readonly keys: Float32Array;
  /** [L, H, D]; not to be written to. */
  readonly values: Float32Array;
  /**
   * [L, H, D], mean cached values of the cluster's *negative* prompts at the extraction position: what a prompt's own
   * are compared with.
   */
  readonly state: Float32Array;
  /** Pairs in the cluster. */
  readonly pairs: number;
}

export interface SteeringVector {
  /** [L, H, D]; not to be written to. */
  readonly keys: Float32Array;
  /** [L, H, D]; not to be written to. */
  readonly values: Float32Array;
  readonly keyMode: KeyMode;
  readonly model: ModelIdentity;
  readonly extraction: {
    /** From the end of the prompt; 1 is the last token. */
    readonly position: number;
    /** Id appended to the pairs' prompts, or null. */
    readonly offsetToken: number | null;
  };
  /** `hash`: `hashPairs`; null where the pairs are unknown. */
  readonly pairs: { readonly count: number; readonly hash: string } | null;
  readonly aggregation: Aggregation;
  /**
   * Vectors of clusters of pairs, of which the one nearest to the prompt is used; `keys` and `values` are then the mean of
   * all pairs. Null for a single vector.
   */
  readonly centroids: readonly Centroid[] | null;
  /** [L] lists of the KV heads that were kept, the others being zero; null where none was pruned. */
  readonly keptHeads: readonly (readonly number[])[] | null;
  readonly recommended: Recommended;
  /** Taken along at extraction; null where they were not. */
  readonly statistics: VectorStatistics | null;
  /** How it was made, in words. */
  readonly recipe: string | null;
  readonly licence: string | null;
  readonly creator: string | null;
  /** ISO 8601 date and time, or null where unknown. */
  readonly created: string | null;
}

export type VectorFields = Pick<SteeringVector, 'keys' | 'values' | 'keyMode' | 'model'> &
  Partial<Omit<SteeringVector, 'keys' | 'values' | 'keyMode' | 'model'>>;

/**
 * A vector from its fields; tensors are copied, the rest frozen. Fields left out are null, `extraction` the last
 * token without offset, `aggregation` `mean`.
 *
 * @throws InvalidArgumentError if the tensors are not finite [L, H, D] of the model, or a recommended layer, the
 * centroids, the kept heads or the statistics do not fit it.
 */
export function makeVector(fields: VectorFields): SteeringVector {
  const { layers, kvHeads, headDim } = fields.model;
  const centroids = fields.centroids ?? null;
  const tensors: (readonly [string, Float32Array])[] = [
    ['keys', fields.keys],
    ['values', fields.values],
    ...(centroids ?? []).flatMap((centroid, c) =>
      (['keys', 'values', 'state'] as const).map(
        (part) => [`centroids[${c}].${part}`, centroid[part]] as const,
      ),
    ),
  ];
  for (const [name, tensor] of tensors) {
    if (tensor.length !== layers * kvHeads * headDim) {
      throw new InvalidArgumentError(
        name,
        `Expected ${name} [${layers}, ${kvHeads}, ${headDim}] = ${layers * kvHeads * headDim} elements, found ${tensor.length}.`,
      );
    }
    const bad = tensor.findIndex((value) => !Number.isFinite(value));
    if (bad !== -1) {
      throw new InvalidArgumentError(
        name,
        `Expected finite ${name}, found ${tensor[bad]} at element ${bad}.`,
      );
    }
  }
  const recommended = fields.recommended ?? { values: null, keys: null, layers: null };
  const outside = recommended.layers?.find(
    (layer) => !Number.isInteger(layer) || layer < 0 || layer >= layers,
  );
  if (outside !== undefined) {
    throw new InvalidArgumentError(
      'recommended',
      `Recommended layers must be from 0 to ${layers - 1}, found ${outside}.`,
    );
  }
  requireHeads(fields.keptHeads ?? null, fields.model);
  if (centroids?.length === 0 || centroids?.some(({ pairs }) => !Number.isSafeInteger(pairs) || pairs < 1)) {
    throw new InvalidArgumentError('centroids', 'Expected one or more centroids of one or more pairs each.');
  }
  for (const list of statisticsLists(fields.statistics ?? null)) {
    if (list.length === layers) continue;
    throw new InvalidArgumentError(
      'statistics',
      `Expected statistics of ${layers} layers, found a list of ${list.length}.`,
    );
  }
  return deepFreeze({
    keyMode: fields.keyMode,
    model: structuredClone(fields.model),
    extraction: { ...(fields.extraction ?? { position: 1, offsetToken: null }) },
    pairs: fields.pairs ? { ...fields.pairs } : null,
    aggregation: fields.aggregation ?? 'mean',
    centroids: structuredClone(centroids),
    keptHeads: structuredClone(fields.keptHeads ?? null),
    recommended: structuredClone(recommended),
    statistics: structuredClone(fields.statistics ?? null),
    recipe: fields.recipe ?? null,
    licence: fields.licence ?? null,
    creator: fields.creator ?? null,
    created: fields.created ?? null,
    keys: fields.keys.slice(),
    values: fields.values.slice(),
  });
}

/**
 * The identity that a vector made with this engine records. A local path is cut to its last name: files get shared.
 */
export function modelIdentity({
  model,
  tokenizer,
}: {
  readonly model: ModelInfo;
  readonly tokenizer: Tokenizer;
}): ModelIdentity {
  const { name, fingerprint, layers, kvHeads, headDim, rope } = model;
  const isPath = /^([./~\\]|[A-Za-z]:[\\/])/.test(name);
  return {
    name: isPath ? (name.split(/[\\/]/).findLast((part) => part !== '') ?? name) : name,
    fingerprint,
    layers,
    kvHeads,
    headDim,
    rope: structuredClone(rope),
    chatTemplateHash: tokenizer.chatTemplateHash,
  };
}

function statisticsLists(statistics: VectorStatistics | null): (readonly number[])[] {
  if (statistics === null) return [];
  const { splitHalf, headSplitHalf, artefact } = statistics;
  const cosines = [
    artefact.cosine,
    artefact.shareLeft,
    ...(splitHalf ? [splitHalf.keys, splitHalf.values] : []),
  ];
  const heads = headSplitHalf ? [headSplitHalf.keys, headSplitHalf.values] : [];
  return [
    ...cosines.map((cosine) => cosine.layers),
    ...heads.map((layers) => layers.map(([first]) => first ?? 0)),
  ];
}

function requireHeads(
  keptHeads: readonly (readonly number[])[] | null,
  { layers, kvHeads }: ModelIdentity,
): void {
  if (keptHeads === null) return;
  const fits = (heads: readonly number[]) =>
    heads.every((head, i) => Number.isInteger(head) && head < kvHeads && head > (heads[i - 1] ?? -1));
  if (keptHeads.length === layers && keptHeads.every(fits)) return;
  throw new InvalidArgumentError(
    'keptHeads',
    `Expected for each of ${layers} layers an ascending list of heads from 0 to ${kvHeads - 1}.`,
  );
}

// Typed arrays cannot be frozen; everything around them is.
function deepFreeze<T extends object>(value: T): T {
  for (const member of Object.values(value)) {
    if (typeof member === 'object' && member !== null && !ArrayBuffer.isView(member)) deepFreeze(member);
  }
  return Object.freeze(value);
}
