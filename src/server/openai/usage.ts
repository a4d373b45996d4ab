import { z } from '@hono/zod-openapi';
import type { Usage } from '../answer/run-job.ts';

export const usageObject = z
  .object({
    prompt_tokens: z.int().openapi({ description: 'template included, offset token not' }),
    completion_tokens: z.int().openapi({ description: 'of all answers, end tokens included' }),
    total_tokens: z.int(),
    prompt_tokens_details: z.object({
      cached_tokens: z.int().openapi({ description: 'came from the prefix cache' }),
    }),
  })
  .openapi('Usage');

export function toUsage({
  promptTokens,
  cachedTokens,
  completionTokens,
}: Usage): z.infer<typeof usageObject> {
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    prompt_tokens_details: { cached_tokens: cachedTokens },
  };
}
