/** What chat and text completions have in common. Fields that are not known are dropped: clients send many. */
import { z } from '@hono/zod-openapi';
import type { GenerateOptions } from '../../engine/engine.ts';
import { ApiError, badRequest } from '../api-error.ts';
import type { ServerLimits } from '../limits.ts';
import { steeringField } from '../steering/steering-field.ts';

const stopText = z.string().min(1).max(256);

export const sharedFields = {
  model: z.string().min(1).max(512).openapi({
    description: 'name of the served model, or that with vectors: name+vector@coefficient',
    example: 'tiny+stepwise',
  }),
  stream: z.boolean().nullish().openapi({ description: 'server-sent events; default false' }),
  stream_options: z
    .object({ include_usage: z.boolean().nullish() })
    .nullish()
    .openapi({ description: 'include_usage: a last chunk with the usage' }),
  n: z.int().min(1).max(128).nullish().openapi({ description: 'answers; default 1' }),
  stop: z
    .union([stopText, z.array(stopText).max(4)], {
      error: 'expected a text, or a list of at most 4, of 1 to 256 characters each',
    })
    .nullish(),
  seed: z.int().nullish().openapi({ description: 'answer i of n takes seed + i; default: random' }),
  temperature: z.number().min(0).max(2).nullish().openapi({ description: '0 is greedy; default 1' }),
  top_p: z.number().min(0).max(1).nullish().openapi({ description: 'default 1' }),
  top_k: z.int().min(-1).max(1_000_000).nullish().openapi({ description: '0, -1: all tokens (default)' }),
  min_p: z.number().min(0).max(1).nullish().openapi({ description: 'default 0' }),
  repetition_penalty: z.number().min(0.01).max(10).nullish().openapi({ description: '1 (default) is off' }),
  max_tokens: z.int().min(1).nullish(),
  ignore_eos: z
    .boolean()
    .nullish()
    .openapi({ description: 'go on to max_tokens, for measurements; default false' }),
  frequency_penalty: z.number().nullish(),
  presence_penalty: z.number().nullish(),
  logit_bias: z.record(z.string(), z.number()).nullish(),
  steering: steeringField,
};

const sharedRequest = z.object(sharedFields);
type SharedRequest = z.infer<typeof sharedRequest>;

/** How to sample, as the engine takes it; the seed is each answer's own. */
export type Generation = Omit<GenerateOptions, 'feed' | 'history' | 'signal' | 'seed' | 'residual'>;

/**
 * @param asked tokens of an answer that the request names, if it does. @param usual tokens where it does not.
 * @throws ApiError 400 for what the server or the engine cannot do.
 */
export function generationOf(
  request: SharedRequest,
  {
    asked,
    usual,
    logprobs,
  }: { readonly asked: number | null; readonly usual: number; readonly logprobs: boolean },
  limits: Pick<ServerLimits, 'answerTokens'>,
): Generation {
  refuseUnless(!request.frequency_penalty, 'frequency_penalty', 'Use repetition_penalty.');
  refuseUnless(!request.presence_penalty, 'presence_penalty', 'Use repetition_penalty.');
  refuseUnless(Object.keys(request.logit_bias ?? {}).length === 0, 'logit_bias', 'Leave it out.');
  if (asked !== null && asked > limits.answerTokens) {
    throw badRequest(
      `This server gives at most ${limits.answerTokens} tokens an answer, asked for were ${asked}.`,
      'max_tokens',
    );
  }
  const { stop, temperature, top_p, top_k, min_p, repetition_penalty } = request;
  return {
    maxTokens: asked ?? Math.min(usual, limits.answerTokens),
    temperature: temperature ?? 1,
    // A nucleus of no mass is the likeliest token alone; the engine takes masses above 0.
    topP: Math.max(top_p ?? 1, 1e-9),
    topK: Math.max(top_k ?? 0, 0),
    minP: min_p ?? 0,
    repetitionPenalty: repetition_penalty ?? 1,
    stop: typeof stop === 'string' ? [stop] : (stop ?? []),
    logprobs,
    ...(request.ignore_eos && { eosTokenIds: [] }),
  };
}

/** @throws ApiError 400 naming the field. */
export function refuseUnless(holds: boolean, param: string, remedy: string): asserts holds {
  if (holds) return;
  throw new ApiError(400, 'unsupported_parameter', `${param} is not supported by this server. ${remedy}`, {
    param,
  });
}
