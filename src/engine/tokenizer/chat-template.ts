/** A model's Jinja chat template, rendered the same on every machine and day. */
import { Environment, Interpreter, Template } from '@huggingface/jinja';
import { InvalidArgumentError, UnsupportedModelError } from '../../errors.ts';
import type { ChatMessage } from '../engine.ts';
import { fixedStrftime } from './fixed-date.ts';

/** Longest template read, in UTF-16 units; the longest known (tool-calling models) have about 20,000. */
export const MAX_TEMPLATE_LENGTH = 1 << 20;
const MAX_RANGE = 100_000;

export interface ChatTemplate {
  /** SHA-256 of the template's text in UTF-8, lower-case hex. */
  readonly hash: string;
  /**
   * @throws InvalidArgumentError where the template refuses the messages (a role it does not know, a wrong order);
   *   UnsupportedModelError where the template itself cannot be parsed.
   */
  render(messages: readonly ChatMessage[], addGenerationPrompt: boolean): string;
}

/**
 * The template sees what transformers gives it: `messages`, `add_generation_prompt`, `tools` and `documents` (none), the
 * special tokens' texts, `raise_exception`, `range`, and `strftime_now`, which here always says 26 July 2024 (the day
 * that Llama 3.2's template itself falls back to): a vector extracted today must meet the same prompt tomorrow.
 * Jinja expressions reach these values only, never JavaScript.
 *
 * @param specialTokens by the names of tokenizer_config.json, e.g. `bos_token`.
 */
export async function createChatTemplate(
  text: string,
  specialTokens: Readonly<Record<string, string>>,
): Promise<ChatTemplate> {
  let parsed: Template | undefined;
  return {
    hash: await sha256(text),
    render(messages, addGenerationPrompt) {
      checkMessages(messages);
      // On first use: a model whose template is beyond this parser still completes plain text.
      parsed ??= parse(text);
      const environment = new Environment();
      const globals = {
        ...constants,
        raise_exception: raise,
        range,
        strftime_now: fixedStrftime,
        tools: null,
        documents: null,
        ...specialTokens,
        messages: messages.map(({ role, content }) => ({ role, content })),
        add_generation_prompt: addGenerationPrompt,
      };
      for (const [name, value] of Object.entries(globals)) environment.set(name, value);
      try {
        return String(new Interpreter(environment).run(parsed.parsed).value);
      } catch (cause) {
        throw new InvalidArgumentError(
          'messages',
          `The model's chat template does not accept these messages: ${reason(cause)}`,
          { cause },
        );
      }
    },
  };
}

const constants = { true: true, True: true, false: false, False: false, none: null, None: null };

function parse(text: string): Template {
  try {
    return new Template(text);
  } catch (cause) {
    throw new UnsupportedModelError(
      `The model's chat template cannot be parsed (${reason(cause)}). Give the prompt as templated text instead.`,
      { cause },
    );
  }
}

function checkMessages(messages: readonly ChatMessage[]): void {
  if (!Array.isArray(messages) || messages.length === 0) {
    throw new InvalidArgumentError(
      'messages',
      'messages must be an array of at least one { role, content }.',
    );
  }
  for (const [i, message] of messages.entries()) {
    if (typeof message?.role !== 'string' || message.role === '') {
      throw new InvalidArgumentError('messages', `messages[${i}].role must be a text such as 'user'.`);
    }
    if (typeof message.content !== 'string') {
      throw new InvalidArgumentError(
        'messages',
        `messages[${i}].content must be a text, not ${typeof message.content}.`,
      );
    }
  }
}

function raise(message: unknown): never {
  throw new Error(String(message));
}

/** Python's range, as a list. */
function range(first: number, end?: number, step = 1): number[] {
  const [from, to] = end === undefined ? [0, first] : [first, end];
  const count = Math.max(0, Math.ceil((to - from) / step));
  if (!Number.isInteger(count) || count > MAX_RANGE) {
    throw new Error(`range() of ${count} numbers; at most ${MAX_RANGE} are allowed.`);
  }
  return Array.from({ length: count }, (_, i) => from + i * step);
}

function reason(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

async function sha256(text: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
