/** The `steering` field of a request, and its short form in a model's name. */
import { z } from '@hono/zod-openapi';
import { badRequest } from '../api-error.ts';
import { isVectorName, vectorName } from '../vectors/vector-name.ts';
import { requestGate } from './gate.ts';

const coefficient = z.number().min(-1e4).max(1e4);

const layers = z.union(
  [
    z.array(z.int().min(0).max(1023)).min(1).max(1024),
    z.strictObject({ from: z.int().min(0).max(1023), to: z.int().min(0).max(1023).exactOptional() }),
  ],
  { error: 'expected a list of layers, or { "from": first, "to": last }' },
);

export const steeringEntry = z
  .strictObject({
    vector: z
      .string()
      .max(64)
      .openapi({ description: 'name of a stored vector, or the SHA-256 of its file', example: 'stepwise' }),
    values: coefficient
      .optional()
      .openapi({ description: "c_v; default: the vector's recommendation, else 1" }),
    keys: coefficient
      .optional()
      .openapi({ description: "c_k; default: the vector's recommendation, else 0" }),
    layers: layers
      .optional()
      .openapi({ description: "default: the vector's recommendation, else from 1 on" }),
    heads: z
      .array(z.int().min(0).max(1023))
      .min(1)
      .max(1024)
      .optional()
      .openapi({ description: 'KV heads; default all' }),
    positions: z
      .array(z.int().min(1).max(4096))
      .min(1)
      .max(64)
      .optional()
      .openapi({ description: 'from the end of the prompt, 1 is its last token; default: as extracted' }),
    when: requestGate
      .nullish()
      .openapi({ description: "steer only where this holds; default: the vector's own gate; null: always" }),
  })
  .openapi('SteeringEntry');

const short = z.string().min(1).max(512);

export const steeringField = z
  .union([short, steeringEntry, z.array(z.union([short, steeringEntry]))], {
    error:
      'expected a name such as "stepwise" or "stepwise@4", { "vector": name, "values"?, "keys"?, "layers"?, "heads"?, "positions"?, "when"? }, a list of these, or null',
  })
  .nullish()
  .openapi('Steering', {
    description: "Vectors to add to the prompt's KV cache, once. null, [] or nothing: a plain answer.",
  });

export type SteeringEntry = z.infer<typeof steeringEntry>;
export type SteeringField = z.infer<typeof steeringField>;

/**
 * `stepwise@6+brief@-2`: vectors and their coefficients c_v.
 *
 * @throws ApiError 400.
 */
export function parseShortSteering(text: string, param: string): SteeringEntry[] {
  return text.split('+').map((part) => {
    const [, vector = '', values] = /^([^@]*)(?:@(-?\d{1,5}(?:\.\d{1,10})?))?$/.exec(part) ?? [];
    if (!isVectorName(vector)) {
      throw badRequest(
        `Expected a vector as name or name@coefficient, e.g. stepwise@4, found ${JSON.stringify(part.slice(0, 80))}.`,
        param,
      );
    }
    return values === undefined ? { vector } : { vector, values: Number(values) };
  });
}

/** The entries of the field; none for a plain answer. @throws ApiError 400. */
export function entriesOf(field: SteeringField, most: number): SteeringEntry[] {
  if (field === null || field === undefined) return [];
  const list = Array.isArray(field) ? field : [field];
  const entries = list.flatMap((item) =>
    typeof item === 'string' ? parseShortSteering(item, 'steering') : [item],
  );
  if (entries.length > most) {
    throw badRequest(`At most ${most} vectors can steer one answer, found ${entries.length}.`, 'steering');
  }
  for (const { vector } of entries) {
    if (!isVectorName(vector)) {
      throw badRequest(
        `A vector's name has 1 to 64 letters, digits, ".", "_" and "-" and begins with a letter or digit (${vectorName.source}), found ${JSON.stringify(vector)}.`,
        'steering',
      );
    }
  }
  return entries;
}
