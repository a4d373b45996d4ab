import { badRequest } from '../api-error.ts';
import type { Service } from '../service.ts';

/** Characters of a token at the most, on average over a prompt: text above it is too long before it is tokenized. */
const CHARACTERS_A_TOKEN = 16;

/** Tokens that a prompt may have: one place of the context is for the answer, one for the offset token. */
function mostTokens({ engine, limits }: Service): number {
  return Math.min(limits.promptTokens, engine.model.contextLength - 2);
}

/** @throws ApiError 400 */
export function checkTextLength(characters: number, param: string, service: Service): void {
  const most = mostTokens(service);
  if (characters <= most * CHARACTERS_A_TOKEN) return;
  throw tooLong(`has ${characters} characters`, most, param);
}

/** @throws ApiError 400 */
export function checkPromptLength(tokens: number, param: string, service: Service): void {
  const most = mostTokens(service);
  if (tokens > most) throw tooLong(`has ${tokens} tokens`, most, param);
}

/** @param choices answers in all. @throws ApiError 400 */
export function checkChoices(choices: number, param: string, limits: Service['limits']): void {
  if (choices <= limits.choices) return;
  throw badRequest(
    `This server gives at most ${limits.choices} answers a request, asked for were ${choices}.`,
    param,
  );
}

function tooLong(what: string, most: number, param: string) {
  return badRequest(
    `The prompt ${what}; this server takes prompts of up to ${most} tokens. Shorten it.`,
    param,
    'context_length_exceeded',
  );
}
