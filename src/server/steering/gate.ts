/**
 * A gate decides from the prompt whether a vector is used: a pattern over the last user message, or a linear probe on the
 * state of the prompt's last token. Only prompts that need steering are steered; the others stay plain.
 */
import { z } from '@hono/zod-openapi';

export const patternGate = z
  .strictObject({
    regex: z.string().min(1).max(512).openapi({
      description: 'JavaScript pattern; steers where the last user message has a match',
      example: '\\bhow many\\b',
    }),
    flags: z
      .string()
      .regex(/^[imsu]{0,4}$/, 'expected a choice of i, m, s and u')
      .optional()
      .openapi({ description: 'of i, m, s, u' }),
  })
  .openapi('PatternGate');

/** Steers where `weights . state + bias > 0`. */
export const probe = z
  .strictObject({
    layer: z.int().min(0).max(1023),
    kind: z
      .enum(['value', 'key'])
      .openapi({ description: 'which cached state: keys are un-rotated, half-split' }),
    weights: z
      .array(z.number())
      .min(1)
      .max(65_536)
      .openapi({ description: 'H x D numbers: KV heads, one after the other' }),
    bias: z.number().default(0),
  })
  .openapi('Probe');

/** What a vector's metadata (`kvsteer.gate`) holds. */
export const storedGate = z.union([patternGate, z.strictObject({ probe })]).openapi('Gate');

/** What a request says: a pattern, or the name of the vector whose probe to ask. */
export const requestGate = z
  .union([patternGate, z.strictObject({ probe: z.string().max(64) })], {
    error: 'expected { "regex": pattern } or { "probe": the name of a vector that has one }',
  })
  .openapi('RequestGate');

export type PatternGate = z.infer<typeof patternGate>;
export type Probe = z.infer<typeof probe>;
export type Gate = z.infer<typeof storedGate>;
