import { z } from '@hono/zod-openapi';
import type { PreparedAnswer } from './prepare-answer.ts';

const which = {
  vector: z.string(),
  sha256: z.string().openapi({ description: "of the vector's file" }),
  prompt: z.int().optional().openapi({ description: 'index of the prompt, where a completion has several' }),
};

/** What was done to the prompt's cache: the answer's `steering`. */
export const steeringReport = z
  .object({
    applied: z.array(
      z.object({
        ...which,
        values: z.number(),
        keys: z.number(),
        layers: z.array(z.int()),
        heads: z.array(z.int()),
        positions: z
          .array(z.int())
          .openapi({ description: 'from the end of the prompt; 1 is its last token' }),
      }),
    ),
    skipped: z.array(
      z.object({
        ...which,
        reason: z
          .enum(['gate', 'zero'])
          .openapi({ description: 'its gate did not ask for it; its coefficients are 0' }),
      }),
    ),
  })
  .openapi('SteeringReport');

export type SteeringReport = z.infer<typeof steeringReport>;

export function reportOf(answers: readonly PreparedAnswer[]): SteeringReport {
  const prompt = (index: number) => (answers.length > 1 ? { prompt: index } : {});
  return {
    applied: answers.flatMap(({ applied, history }, index) =>
      applied.map(({ steering: { stored }, plans }) => ({
        vector: stored.name,
        sha256: stored.sha256,
        ...prompt(index),
        values: plans[0]!.values,
        keys: plans[0]!.keys,
        layers: [...plans[0]!.layers],
        heads: [...plans[0]!.heads],
        positions: plans.map(({ position }) => history.length - position),
      })),
    ),
    skipped: answers.flatMap(({ skipped }, index) =>
      skipped.map(({ steering: { stored }, reason }) => ({
        vector: stored.name,
        sha256: stored.sha256,
        ...prompt(index),
        reason,
      })),
    ),
  };
}
