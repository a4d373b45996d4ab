/** A tokenizer from a GGUF's metadata. */
import { InvalidFileError, UnsupportedModelError } from '../../errors.ts';
import type { Tokenizer } from '../engine.ts';
import { MAX_TEMPLATE_LENGTH } from './chat-template.ts';
import { ggufPreTokenizer } from './gguf-pre-tokenizers.ts';
import { createTextTokenizer, type TokenizerSource } from './text-tokenizer.ts';

type Metadata = Readonly<Record<string, unknown>>;

/** Values of `tokenizer.ggml.token_type` (llama.cpp's llama_token_type). */
const tokenType = { unknown: 2, control: 3, userDefined: 4 } as const;

/**
 * Byte-level BPE vocabularies (`tokenizer.ggml.model` = `gpt2`) of the families in gguf-pre-tokenizers.ts. Control tokens
 * written in a text become their ids; no BOS is added, whatever `add_bos_token` says: the chat template writes it.
 * A generation ends at the EOS, EOT or EOM id. Bytes that the vocabulary lacks are dropped, as Python's tokenizers does
 * (SmolLM2 lacks 21: some control characters, and the lead bytes of private and unassigned planes).
 *
 * @param metadata as @huggingface/gguf gives it.
 * @param path named in errors.
 * @throws UnsupportedModelError for another kind of vocabulary or an unknown pre-tokenizer; InvalidFileError where the
 *   metadata lacks a part or its parts do not fit each other.
 */
export async function tokenizerFromGguf(metadata: Metadata, path = 'GGUF'): Promise<Tokenizer> {
  return createTextTokenizer(ggufTokenizerSource(metadata, path));
}

/** The same as the contents of the files of a Hugging Face tokenizer folder. */
export function ggufTokenizerSource(metadata: Metadata, path = 'GGUF'): TokenizerSource {
  const model = text(metadata, 'tokenizer.ggml.model', path);
  if (model !== 'gpt2') {
    throw new UnsupportedModelError(
      `The GGUF's vocabulary is of kind ${model === undefined ? 'none' : `"${model}"`} (tokenizer.ggml.model); ` +
        'supported is "gpt2" (byte-level BPE). Use a folder with the model\'s tokenizer.json.',
    );
  }
  const { preTokenizer, normalizer, ignoreMerges } = ggufPreTokenizer(
    text(metadata, 'tokenizer.ggml.pre', path),
  );
  const tokens = texts(metadata, 'tokenizer.ggml.tokens', path);
  const types = metadata['tokenizer.ggml.token_type'];
  if (!Array.isArray(types) || types.length !== tokens.length) {
    throw new InvalidFileError(
      path,
      `tokenizer.ggml.token_type must have a value for each of ${tokens.length} tokens.`,
    );
  }
  const tokenId = (name: string) => idOf(metadata, `tokenizer.ggml.${name}_token_id`, tokens.length, path);
  const specialTokens: Record<string, string> = {};
  for (const [name, key] of specialTokenKeys) {
    const id = tokenId(key);
    if (id !== undefined) specialTokens[name] = tokens[id]!;
  }
  const eosTokenIds = ['eos', 'eot', 'eom'].map(tokenId).filter((id) => id !== undefined);

  return {
    json: {
      model: {
        type: 'BPE',
        vocab: vocabulary(tokens, path),
        merges: merges(texts(metadata, 'tokenizer.ggml.merges', path), path),
        ignore_merges: ignoreMerges,
        unk_token: null,
      },
      added_tokens: addedTokens(tokens, types),
      normalizer,
      pre_tokenizer: preTokenizer,
      post_processor: null,
      decoder: { type: 'ByteLevel' },
    },
    config: {},
    chatTemplate: chatTemplate(metadata, path),
    specialTokens,
    eosTokenIds: [...new Set(eosTokenIds)],
  };
}

/** Names in a chat template, and in the GGUF's keys (the missing letter is the format's). */
const specialTokenKeys = [
  ['bos_token', 'bos'],
  ['eos_token', 'eos'],
  ['unk_token', 'unknown'],
  ['sep_token', 'seperator'],
  ['pad_token', 'padding'],
] as const;

function vocabulary(tokens: readonly string[], path: string): Record<string, number> {
  const ids: Record<string, number> = Object.create(null);
  for (const [id, token] of tokens.entries()) {
    if (ids[token] !== undefined) {
      throw new InvalidFileError(
        path,
        `token ${JSON.stringify(token)} has two ids, ${ids[token]} and ${id}.`,
      );
    }
    ids[token] = id;
  }
  return ids;
}

function merges(lines: readonly string[], path: string): [string, string][] {
  return lines.map((line) => {
    const [left, right, ...more] = line.split(' ');
    if (!left || !right || more.length > 0) {
      throw new InvalidFileError(
        path,
        `merge ${JSON.stringify(line)} must be two tokens with a blank between.`,
      );
    }
    return [left, right];
  });
}

function addedTokens(tokens: readonly string[], types: readonly unknown[]): object[] {
  const added: object[] = [];
  for (const [id, content] of tokens.entries()) {
    const type = types[id];
    const special = type === tokenType.control || type === tokenType.unknown;
    if (content !== '' && (special || type === tokenType.userDefined)) {
      added.push({
        id,
        content,
        special,
        single_word: false,
        lstrip: false,
        rstrip: false,
        normalized: false,
      });
    }
  }
  return added;
}

function chatTemplate(metadata: Metadata, path: string): string | null {
  const template = text(metadata, 'tokenizer.chat_template', path);
  if (template === undefined) return null;
  if (template.length > MAX_TEMPLATE_LENGTH) {
    throw new InvalidFileError(
      path,
      `the chat template has ${template.length} characters; at most ${MAX_TEMPLATE_LENGTH} are read.`,
    );
  }
  return template;
}

function text(metadata: Metadata, key: string, path: string): string | undefined {
  const value = metadata[key];
  if (value === undefined || typeof value === 'string') return value;
  throw new InvalidFileError(path, `${key} must be a text, not ${typeof value}.`);
}

function texts(metadata: Metadata, key: string, path: string): readonly string[] {
  const value = metadata[key];
  if (Array.isArray(value) && value.length > 0 && value.every((item) => typeof item === 'string'))
    return value;
  throw new InvalidFileError(path, `${key} must be a list of texts.`);
}

function idOf(metadata: Metadata, key: string, vocabSize: number, path: string): number | undefined {
  const value = metadata[key];
  if (value === undefined) return undefined;
  const id = typeof value === 'bigint' ? Number(value) : value;
  if (typeof id === 'number' && Number.isInteger(id) && id >= 0 && id < vocabSize) return id;
  throw new InvalidFileError(path, `${key} must be a token id in [0, ${vocabSize}), not ${String(value)}.`);
}
