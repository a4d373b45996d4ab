/**
 * The `kvsteer.*` metadata of a vector file: one key for each group, each value JSON. What is not known is not there.
 *
 *   kvsteer.format      "1"
 *   kvsteer.keys        { "rope": "unrotated" | "post-rope" }
 *   kvsteer.model       { name, fingerprint, layers, kvHeads, headDim, rope, chatTemplateHash }
 *   kvsteer.extraction  { position, offsetToken, aggregation }
 *   kvsteer.pairs       { count, hash }
 *   kvsteer.recommended { values, keys, layers }
 *   kvsteer.statistics  see `statistics.ts`
 *   kvsteer.centroids   { pairs: [K] }: of tensors `centroids` [K, 2, L, H, D] (keys, values) and
 *                       `centroid_states` [K, L, H, D]
 *   kvsteer.heads       { kept: [L][...] }
 *   kvsteer.provenance  { recipe, licence, creator, created }
 *
 * Groups and members were added since the first files of this format: a file without them still loads.
 */
import { z } from 'zod';
import { InvalidArgumentError, InvalidFileError } from '../errors.ts';
import { aggregations, type SteeringVector } from './vector.ts';

export const formatVersion = '1';
const formatKey = 'kvsteer.format';

/** Bounds on what a file may claim. Larger models do not exist, and everything after is sized by these. */
const size = (most: number) => z.int().min(1).max(most);
const maxLayers = 1024;
export const maxCentroids = 64;
const text = z.string().max(65_536);
const hash = z.string().min(1).max(256);
const finite = z.number();
const tokenId = z
  .int()
  .min(0)
  .max(2 ** 32 - 1);
const perLayer = z.array(finite).max(maxLayers);
const perHead = z.array(z.array(finite).max(1024)).max(maxLayers);
const interval = z.object({ low: finite.min(0), high: finite.min(0) });
const layerCosines = z.object({ overall: finite, layers: perLayer });

const scaling = z.object({
  type: z.literal('llama3'),
  factor: z.number().positive(),
  lowFreqFactor: z.number().positive(),
  highFreqFactor: z.number().positive(),
  originalContextLength: z.number().positive(),
});

const groups = {
  keys: z.object({ rope: z.enum(['unrotated', 'post-rope']) }),
  model: z.object({
    name: text,
    fingerprint: hash,
    layers: size(maxLayers),
    kvHeads: size(1024),
    headDim: size(8192),
    rope: z.object({ theta: z.number().positive(), rotaryDim: size(8192), scaling: scaling.exactOptional() }),
    chatTemplateHash: hash.nullable(),
  }),
  extraction: z.object({
    position: z.int().min(1),
    offsetToken: tokenId.nullable(),
    aggregation: z.enum(aggregations),
  }),
  pairs: z.object({ count: z.int().min(1), hash }).nullable(),
  recommended: z.object({
    values: finite.nullable(),
    keys: finite.nullable(),
    layers: z.array(z.int().min(0)).max(maxLayers).nullable(),
  }),
  statistics: z
    .object({
      positions: z.object({ positive: finite, negative: finite }),
      splitHalf: z.object({ keys: layerCosines, values: layerCosines }).nullable(),
      headSplitHalf: z.object({ keys: perHead, values: perHead }).exactOptional(),
      normInterval: z.object({ keys: interval, values: interval }).exactOptional(),
      artefact: z.object({
        cosine: layerCosines,
        shareLeft: layerCosines,
        postRopeNorm: finite,
        unrotatedNorm: finite,
      }),
    })
    .nullable(),
  centroids: z.object({ pairs: z.array(z.int().min(1)).min(1).max(maxCentroids) }).nullable(),
  heads: z.object({ kept: z.array(z.array(z.int().min(0)).max(1024)).max(maxLayers) }).nullable(),
  provenance: z.object({
    recipe: text.nullable(),
    licence: text.nullable(),
    creator: text.nullable(),
    created: z.iso.datetime({ offset: true }).nullable(),
  }),
};

type Groups = { readonly [G in keyof typeof groups]: z.infer<(typeof groups)[G]> };
type GroupName = keyof Groups;

const absent: Partial<Groups> = {
  pairs: null,
  recommended: { values: null, keys: null, layers: null },
  statistics: null,
  centroids: null,
  heads: null,
  provenance: { recipe: null, licence: null, creator: null, created: null },
};

/** @throws InvalidArgumentError for what could not be read back: a date that is none, a text past its bound. */
export function toMetadata(vector: SteeringVector): Record<string, string> {
  const { name, fingerprint, layers, kvHeads, headDim, rope, chatTemplateHash } = vector.model;
  const { recipe, licence, creator, created } = vector;
  const all: Groups = {
    keys: { rope: vector.keyMode },
    model: { name, fingerprint, layers, kvHeads, headDim, rope, chatTemplateHash },
    extraction: { ...vector.extraction, aggregation: vector.aggregation },
    pairs: vector.pairs,
    recommended: { ...vector.recommended, layers: vector.recommended.layers?.slice() ?? null },
    statistics: vector.statistics as Groups['statistics'],
    centroids: vector.centroids && { pairs: vector.centroids.map(({ pairs }) => pairs) },
    heads: vector.keptHeads && { kept: vector.keptHeads.map((heads) => [...heads]) },
    provenance: { recipe, licence, creator, created },
  };
  const metadata: Record<string, string> = { [formatKey]: formatVersion };
  for (const group of Object.keys(all) as GroupName[]) {
    const value = all[group];
    const issue = groups[group].safeParse(value).error?.issues[0];
    if (issue !== undefined) {
      throw new InvalidArgumentError(
        String(issue.path[0] ?? group),
        `The vector's ${[group, ...issue.path].join('.')} cannot be recorded: ${issue.message}.`,
      );
    }
    if (value !== null) metadata[`kvsteer.${group}`] = JSON.stringify(value);
  }
  return metadata;
}

/** Whether the file says that it is a kvsteer vector. */
export function hasVectorMetadata(metadata: Readonly<Record<string, string>>): boolean {
  return Object.keys(metadata).some((key) => key.startsWith('kvsteer.'));
}

/**
 * `clusters`: pairs of each centroid, whose tensors are elsewhere.
 *
 * @throws InvalidFileError for another version, or a group that is missing, not JSON or out of its ranges.
 */
export function fromMetadata(
  metadata: Readonly<Record<string, string>>,
  path: string,
): Omit<SteeringVector, 'keys' | 'values' | 'centroids'> & { readonly clusters: readonly number[] | null } {
  const version = metadata[formatKey];
  if (version !== formatVersion) {
    throw new InvalidFileError(
      path,
      `expected vector format ${formatVersion} (metadata ${formatKey}), found ${version === undefined ? 'none' : JSON.stringify(version.slice(0, 40))}. ` +
        'A newer kvsteer may read it.',
    );
  }
  const read = <G extends GroupName>(group: G) => readGroup(group, metadata, path);
  const { position, offsetToken, aggregation } = read('extraction');
  return {
    keyMode: read('keys').rope,
    model: read('model'),
    extraction: { position, offsetToken },
    aggregation,
    pairs: read('pairs'),
    recommended: read('recommended'),
    statistics: read('statistics'),
    clusters: read('centroids')?.pairs ?? null,
    keptHeads: read('heads')?.kept ?? null,
    ...read('provenance'),
  };
}

function readGroup<G extends GroupName>(
  group: G,
  metadata: Readonly<Record<string, string>>,
  path: string,
): Groups[G] {
  const key = `kvsteer.${group}`;
  const json = metadata[key];
  if (json === undefined) {
    const value = absent[group];
    if (value !== undefined) return value as Groups[G];
    throw new InvalidFileError(path, `expected metadata ${key}, found none. Is it a kvsteer vector?`);
  }
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw new InvalidFileError(
      path,
      `expected JSON in metadata ${key}, found ${JSON.stringify(json.slice(0, 40))}.`,
      {
        cause,
      },
    );
  }
  const parsed = groups[group].safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const where = [key, ...(issue?.path ?? [])].join('.');
    throw new InvalidFileError(
      path,
      `metadata ${where}: ${issue?.message}. The file is damaged: write it again.`,
      {
        cause: parsed.error,
      },
    );
  }
  return parsed.data as Groups[G];
}
