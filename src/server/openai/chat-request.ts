import { z } from '@hono/zod-openapi';
import type { ChatMessage, Tokenizer } from '../../engine/engine.ts';
import { InvalidArgumentError } from '../../errors.ts';
import { tokenizePrompt } from '../../steer/prompt.ts';
import { badRequest } from '../api-error.ts';
import type { Service } from '../service.ts';
import { steeringOf } from '../steering/model-name.ts';
import { checkChoices, checkPromptLength, checkTextLength } from './check-prompt.ts';
import type { Job } from './job.ts';
import { generationOf, refuseUnless, sharedFields } from './shared-fields.ts';

const textPart = z.object({ type: z.literal('text'), text: z.string() });

const message = z.object({
  role: z.enum(['system', 'developer', 'user', 'assistant'], {
    error: 'expected the role system, developer, user or assistant',
  }),
  content: z
    .union([z.string(), z.array(textPart).min(1)], { error: 'expected a text or a list of text parts' })
    .openapi({
      example: 'Ana has 3 boxes with 4 pens in each. She gives away 5 pens. How many pens are left?',
    }),
});

export const chatRequest = z
  .object({
    ...sharedFields,
    messages: z.array(message).min(1, 'expected at least one message'),
    max_completion_tokens: z
      .int()
      .min(1)
      .nullish()
      .openapi({ description: 'comes before max_tokens; default 1024' }),
    logprobs: z
      .boolean()
      .nullish()
      .openapi({ description: 'the log-probability of each token that was chosen' }),
    top_logprobs: z.int().min(0).max(20).nullish().openapi({ description: 'only 0' }),
    tools: z.array(z.unknown()).nullish(),
    response_format: z.object({ type: z.string() }).nullish(),
  })
  .openapi('ChatCompletionRequest');

/** Tokens of an answer whose length the request leaves open. */
const USUAL_TOKENS = 1024;

/** @throws ApiError; InvalidArgumentError where the model's chat template refuses the messages. */
export function chatJob(request: z.infer<typeof chatRequest>, service: Service): Job {
  const { model, steering, stream, stream_options, n, seed } = request;
  const { engine, limits, modelName } = service;
  const entries = steeringOf({ model, steering }, modelName, limits.steeringVectors);
  refuseUnless((request.tools ?? []).length === 0, 'tools', 'The model answers in text alone.');
  refuseUnless((request.response_format?.type ?? 'text') === 'text', 'response_format', 'Only "text" is.');
  refuseUnless(
    (request.top_logprobs ?? 0) === 0,
    'top_logprobs',
    'logprobs gives the tokens that were chosen.',
  );
  const messages = request.messages.map(toMessage);
  checkTextLength(
    messages.reduce((sum, { content }) => sum + content.length, 0),
    'messages',
    service,
  );
  checkChoices(n ?? 1, 'n', limits);
  const tokens = templated(messages, engine.tokenizer);
  checkPromptLength(tokens.length, 'messages', service);
  return {
    model,
    prompts: [{ tokens, question: messages.findLast(({ role }) => role === 'user')?.content ?? '' }],
    steering: entries,
    steeringParam: model === modelName ? 'steering' : 'model',
    n: n ?? 1,
    generation: generationOf(
      request,
      {
        asked: request.max_completion_tokens ?? request.max_tokens ?? null,
        usual: USUAL_TOKENS,
        logprobs: request.logprobs ?? false,
      },
      limits,
    ),
    seed: seed ?? null,
    stream: stream ?? false,
    includeUsage: stream_options?.include_usage ?? false,
  };
}

function templated(messages: readonly ChatMessage[], tokenizer: Tokenizer): readonly number[] {
  try {
    return tokenizePrompt(messages, tokenizer).tokens;
  } catch (error) {
    // No chat template, or one that refuses these roles.
    if (error instanceof InvalidArgumentError) throw badRequest(error.message, 'messages');
    throw error;
  }
}

function toMessage({ role, content }: z.infer<typeof message>, index: number): ChatMessage {
  const text = typeof content === 'string' ? content : content.map((part) => part.text).join('');
  if (role === 'user' && text.trim() === '') {
    throw badRequest('The message is empty.', `messages.${index}.content`);
  }
  // What newer clients call the system message.
  return { role: role === 'developer' ? 'system' : role, content: text };
}
