import type { ChatMessage, Tokenizer } from '../engine/engine.ts';
import { InvalidArgumentError } from '../errors.ts';
import { chatText } from '../pairs/chat-text.ts';
import { type Offset, offsetTokenId } from '../pairs/offset-token.ts';

/**
 * What to answer: a question (one user message; plain text to continue where the model has no chat template),
 * messages, or token ids taken as they are (for text that is templated already: `tokenizer.encode(text)`).
 */
export type Prompt = string | readonly ChatMessage[] | readonly number[];

export interface PromptOptions {
  /** System message before the prompt's messages. Default: what the chat template puts there itself. */
  readonly system?: string;
  /** Default null: none. */
  readonly offset?: Offset;
}

export interface PromptTokens {
  /**
   * The prompt, then the offset token if there is one. At least two: all but the last are prefilled, the last is
   * fed.
   */
  readonly tokens: readonly number[];
  /** Tokens of the prompt alone. */
  readonly promptTokens: number;
  readonly offsetToken: number | null;
}

/**
 * A prompt as the model reads it.
 *
 * @throws InvalidArgumentError for an empty prompt, fewer than two tokens in all, messages or a system message
 * without a chat template, a system message beside token ids or another one, or an offset that is not one token.
 */
export function tokenizePrompt(
  prompt: Prompt,
  tokenizer: Tokenizer,
  { system, offset = null }: PromptOptions = {},
): PromptTokens {
  const ids = isTokens(prompt)
    ? tokensOf(prompt, system)
    : tokenizer.encode(textOf(prompt, tokenizer, system));
  const offsetToken = offsetTokenId(offset, tokenizer);
  const tokens = offsetToken === null ? [...ids] : [...ids, offsetToken];
  if (ids.length === 0 || tokens.length < 2) {
    throw new InvalidArgumentError(
      'prompt',
      `The prompt and its offset token must come to at least 2 tokens, one to edit and one to feed; found ${tokens.length}. Give a longer prompt${offsetToken === null ? ' or an offset token' : ''}.`,
    );
  }
  return { tokens, promptTokens: ids.length, offsetToken };
}

function isTokens(prompt: Prompt): prompt is readonly number[] {
  return typeof prompt !== 'string' && typeof prompt[0] === 'number';
}

function tokensOf(tokens: readonly number[], system: string | undefined): readonly number[] {
  if (system === undefined) return tokens;
  throw new InvalidArgumentError(
    'system',
    'A system message cannot be put before token ids. Put it into the text that they come from.',
  );
}

function textOf(prompt: string | readonly ChatMessage[], tokenizer: Tokenizer, system?: string): string {
  const isEmpty = typeof prompt === 'string' ? prompt.trim() === '' : prompt.length === 0;
  if (isEmpty) throw new InvalidArgumentError('prompt', 'The prompt is empty. Give it a text or messages.');
  // A base model continues a text; anything else needs the template.
  if (tokenizer.chatTemplateHash === null && typeof prompt === 'string' && system === undefined)
    return prompt;
  const messages = typeof prompt === 'string' ? [{ role: 'user', content: prompt }] : prompt;
  if (system === undefined) return chatText(messages, tokenizer, 'prompt');
  if (messages[0]?.role === 'system') {
    throw new InvalidArgumentError(
      'system',
      'The messages begin with a system message already. Leave out one of the two.',
    );
  }
  return chatText([{ role: 'system', content: system }, ...messages], tokenizer, 'prompt');
}
