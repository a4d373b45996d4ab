/** The engine contract's `Tokenizer` over @huggingface/tokenizers, whatever the vocabulary was read from. */
import { Tokenizer as TokenizersJs } from '@huggingface/tokenizers';
import { InvalidArgumentError, UnsupportedModelError } from '../../errors.ts';
import type { Tokenizer } from '../engine.ts';
import { createChatTemplate } from './chat-template.ts';
import { followRust } from './pre-tokenizer.ts';

export interface TokenizerSource {
  /** Contents of tokenizer.json. */
  readonly json: Readonly<Record<string, unknown>>;
  /** Contents of tokenizer_config.json, or {}. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly chatTemplate: string | null;
  /** Texts of the special tokens that the chat template may name, e.g. `bos_token`. */
  readonly specialTokens: Readonly<Record<string, string>>;
  readonly eosTokenIds: readonly number[];
}

/**
 * Ids as Python's tokenizers gives them. Decoding is exact: `clean_up_tokenization_spaces` is never applied, since it
 * changes the text ("a ." to "a."); ids of a padded vocabulary that have no token decode to nothing.
 *
 * @throws UnsupportedModelError where the tokenizer has a part that @huggingface/tokenizers does not implement.
 */
export async function createTextTokenizer(source: TokenizerSource): Promise<Tokenizer> {
  const tokenizer = build(source);
  const tokens = tokenizer.model?.vocab ?? [];
  const template =
    source.chatTemplate === null ? null : await createChatTemplate(source.chatTemplate, source.specialTokens);

  return {
    vocabSize: tokens.length,
    eosTokenIds: source.eosTokenIds,
    chatTemplateHash: template?.hash ?? null,
    encode(text) {
      if (typeof text !== 'string') {
        throw new InvalidArgumentError('text', `The text to encode must be a string, not ${typeof text}.`);
      }
      return tokenizer.encode(text, { add_special_tokens: false }).ids;
    },
    decode(ids, { skipSpecialTokens = true } = {}) {
      const known = ids.filter((id) => isToken(id) && tokens[id] !== undefined);
      if (known.length === 0) return '';
      return tokenizer.decode(known, {
        skip_special_tokens: skipSpecialTokens,
        clean_up_tokenization_spaces: false,
      });
    },
    applyChatTemplate(messages, { addGenerationPrompt = true } = {}) {
      if (template === null) {
        throw new InvalidArgumentError(
          'messages',
          'This model has no chat template: give the prompt as text instead of messages.',
        );
      }
      return template.render(messages, addGenerationPrompt);
    },
  };
}

function build({ json, config }: TokenizerSource): TokenizersJs {
  const parts = { normalizer: null, post_processor: null, decoder: null, added_tokens: [], ...json };
  const preTokenizer = followRust(json.pre_tokenizer ?? null);
  try {
    return new TokenizersJs({ ...parts, pre_tokenizer: preTokenizer }, config);
  } catch (cause) {
    throw new UnsupportedModelError(
      `The model's tokenizer is not supported: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    );
  }
}

function isToken(id: number): boolean {
  if (Number.isInteger(id) && id >= 0) return true;
  throw new InvalidArgumentError('tokens', `A token id must be an integer of 0 or more, not ${id}.`);
}
