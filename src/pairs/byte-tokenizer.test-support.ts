import type { ChatMessage, Tokenizer } from '../engine/engine.ts';

/** ChatML as SmolLM2's template writes it, default system message included. */
export function chatMl(messages: readonly ChatMessage[], addGenerationPrompt = true): string {
  const system = 'You are a helpful AI assistant named SmolLM, trained by Hugging Face';
  const turns =
    messages[0]?.role === 'system' ? messages : [{ role: 'system', content: system }, ...messages];
  const text = turns.map(({ role, content }) => `<|im_start|>${role}\n${content}<|im_end|>\n`).join('');
  return addGenerationPrompt ? `${text}<|im_start|>assistant\n` : text;
}

/** UTF-8 bytes as ids; 256 ends a text. For tests of what a tokenizer does not change. */
export const byteTokenizer: Tokenizer = {
  vocabSize: 257,
  eosTokenIds: [256],
  chatTemplateHash: 'chatml',
  encode: (text) => [...new TextEncoder().encode(text)],
  decode: (tokens) => new TextDecoder().decode(Uint8Array.from(tokens.filter((token) => token < 256))),
  applyChatTemplate: (messages, options) => chatMl(messages, options?.addGenerationPrompt),
};
