import { z } from '@hono/zod-openapi';
import { tokenizePrompt } from '../../steer/prompt.ts';
import type { AnswerPrompt } from '../answer/prepare-answer.ts';
import { badRequest } from '../api-error.ts';
import type { Service } from '../service.ts';
import { steeringOf } from '../steering/model-name.ts';
import { checkChoices, checkPromptLength, checkTextLength } from './check-prompt.ts';
import type { Job } from './job.ts';
import { generationOf, refuseUnless, sharedFields } from './shared-fields.ts';

const tokenIds = z.array(z.int().min(0)).min(1);

export const completionRequest = z
  .object({
    ...sharedFields,
    prompt: z
      .union([z.string(), z.array(z.string()).min(1), tokenIds, z.array(tokenIds).min(1)], {
        error: 'expected a text, token ids, or a list of either',
      })
      .openapi({ description: 'taken as it is: no chat template, no BOS' }),
    max_tokens: z.int().min(1).nullish().openapi({ description: 'default 16' }),
    logprobs: z
      .int()
      .min(0)
      .max(5)
      .nullish()
      .openapi({ description: 'only 0: of the tokens that were chosen' }),
    echo: z.boolean().nullish(),
    suffix: z.string().nullish(),
    best_of: z.int().nullish(),
  })
  .openapi('CompletionRequest');

/** As in OpenAI's. */
const USUAL_TOKENS = 16;

/** @throws ApiError, InvalidArgumentError */
export function completionJob(request: z.infer<typeof completionRequest>, service: Service): Job {
  const { model, steering, prompt, n, seed, stream, stream_options, logprobs } = request;
  const { limits, modelName } = service;
  const entries = steeringOf({ model, steering }, modelName, limits.steeringVectors);
  refuseUnless(!request.echo, 'echo', 'The prompt is yours already.');
  refuseUnless(!request.suffix, 'suffix', 'Leave it out.');
  refuseUnless((request.best_of ?? 1) <= (n ?? 1), 'best_of', 'Ask for more answers with n.');
  refuseUnless((logprobs ?? 0) === 0, 'logprobs', 'Only 0 is: the tokens that were chosen.');
  const prompts = listed(prompt);
  checkChoices(prompts.length * (n ?? 1), prompts.length > 1 ? 'prompt' : 'n', limits);
  return {
    model,
    prompts: prompts.map((one) => tokenized(one, service)),
    steering: entries,
    steeringParam: model === modelName ? 'steering' : 'model',
    n: n ?? 1,
    generation: generationOf(
      request,
      { asked: request.max_tokens ?? null, usual: USUAL_TOKENS, logprobs: logprobs != null },
      limits,
    ),
    seed: seed ?? null,
    stream: stream ?? false,
    includeUsage: stream_options?.include_usage ?? false,
  };
}

type Prompt = string | readonly number[];

function listed(prompt: z.infer<typeof completionRequest>['prompt']): readonly Prompt[] {
  if (typeof prompt === 'string') return [prompt];
  return typeof prompt[0] === 'number' ? [prompt as number[]] : (prompt as Prompt[]);
}

function tokenized(prompt: Prompt, service: Service): AnswerPrompt {
  const { tokenizer } = service.engine;
  if (typeof prompt === 'string') checkTextLength(prompt.length, 'prompt', service);
  const ids = typeof prompt === 'string' ? tokenizer.encode(prompt) : prompt;
  checkPromptLength(ids.length, 'prompt', service);
  const outside = ids.find((id) => id >= tokenizer.vocabSize);
  if (outside !== undefined) {
    throw badRequest(`The token ${outside} is not in the vocabulary of ${tokenizer.vocabSize}.`, 'prompt');
  }
  const { tokens } = tokenizePrompt(ids, tokenizer);
  return { tokens, question: typeof prompt === 'string' ? prompt : tokenizer.decode(prompt) };
}
