import { z } from '@hono/zod-openapi';
import { storedGate } from '../steering/gate.ts';
import type { StoredVector } from './stored-vector.ts';

export const vectorInfo = z
  .object({
    id: z.string().openapi({ example: 'stepwise' }),
    object: z.literal('vector'),
    created: z.int().nullable().openapi({ description: 'seconds since 1970' }),
    sha256: z.string(),
    bytes: z.int(),
    source: z.enum(['bundled', 'folder']),
    model: z.object({ name: z.string(), layers: z.int(), kv_heads: z.int(), head_dim: z.int() }),
    key_mode: z.enum(['unrotated', 'post-rope']),
    recommended: z.object({
      values: z.number().nullable(),
      keys: z.number().nullable(),
      layers: z.array(z.int()).nullable(),
    }),
    gate: storedGate.nullable(),
    pairs: z.int().nullable(),
    aggregation: z.string(),
    recipe: z.string().nullable(),
    licence: z.string().nullable(),
    creator: z.string().nullable(),
  })
  .openapi('Vector');

export function toVectorInfo({
  name,
  sha256,
  bytes,
  source,
  vector,
  gate,
}: StoredVector): z.infer<typeof vectorInfo> {
  const { model, recommended, pairs, created, recipe, licence, creator, aggregation, keyMode } = vector;
  return {
    id: name,
    object: 'vector',
    created: created === null ? null : Math.floor(Date.parse(created) / 1000),
    sha256,
    bytes,
    source,
    model: { name: model.name, layers: model.layers, kv_heads: model.kvHeads, head_dim: model.headDim },
    key_mode: keyMode,
    recommended: { ...recommended, layers: recommended.layers?.slice() ?? null },
    gate,
    pairs: pairs?.count ?? null,
    aggregation,
    recipe,
    licence,
    creator,
  };
}
