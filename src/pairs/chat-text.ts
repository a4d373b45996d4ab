import type { ChatMessage, Tokenizer } from '../engine/engine.ts';
import { InvalidArgumentError } from '../errors.ts';

/**
 * Messages as the model's prompt text, generation prompt included.
 *
 * @param argument the argument to blame. @param where begins the message, e.g. `pair 3: `.
 * @throws InvalidArgumentError if the model has no chat template, or its template refuses the messages.
 */
export function chatText(
  messages: readonly ChatMessage[],
  tokenizer: Tokenizer,
  argument: string,
  where = '',
): string {
  if (tokenizer.chatTemplateHash === null) {
    throw new InvalidArgumentError(
      argument,
      `${where}This model has no chat template, so it takes no messages. Give full text, or use an instruct model.`,
    );
  }
  try {
    return tokenizer.applyChatTemplate(messages, { addGenerationPrompt: true });
  } catch (cause) {
    // Templates refuse what they do not know, e.g. two user turns in a row or a system message.
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new InvalidArgumentError(
      argument,
      `${where}The model's chat template refused the messages (${why}). Change their roles or order.`,
      { cause },
    );
  }
}
