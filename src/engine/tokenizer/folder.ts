/** A tokenizer from a Hugging Face model folder. Node only. */
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { InvalidFileError } from '../../errors.ts';
import type { Tokenizer } from '../engine.ts';
import { MAX_TEMPLATE_LENGTH } from './chat-template.ts';
import { createTextTokenizer } from './text-tokenizer.ts';

type Json = Readonly<Record<string, unknown>>;

const MIB = 2 ** 20;
/** Largest tokenizer.json known: about 35 MB (vocabularies of 262,000 tokens). */
const MAX_TOKENIZER_BYTES = 128 * MIB;
const MAX_CONFIG_BYTES = 16 * MIB;

const specialTokenNames = [
  'bos_token',
  'eos_token',
  'unk_token',
  'sep_token',
  'pad_token',
  'cls_token',
  'mask_token',
];

/**
 * Reads `tokenizer.json` and, where they are there, `tokenizer_config.json`, `special_tokens_map.json`,
 * `generation_config.json` and `config.json`.
 *
 * Chat template: `chat_template.jinja`, else the config's `chat_template` (of several the one named `default`), else
 * `chat_template.json`. EOS ids: `eos_token_id` of generation_config.json, else of config.json, else the id of the
 * config's `eos_token`.
 *
 * @throws InvalidFileError where a file is missing, too large or damaged; UnsupportedModelError for a tokenizer with parts
 *   that are not implemented.
 */
export async function loadTokenizerFolder(folder: string): Promise<Tokenizer> {
  const json = await readJson(join(folder, 'tokenizer.json'), MAX_TOKENIZER_BYTES);
  if (json === null) {
    throw new InvalidFileError(
      join(folder, 'tokenizer.json'),
      "there is no such file. The folder must hold the model's tokenizer.",
    );
  }
  const config = (await readJson(join(folder, 'tokenizer_config.json'), MAX_CONFIG_BYTES)) ?? {};
  const specialTokens = {
    ...specialTokensOf((await readJson(join(folder, 'special_tokens_map.json'), MAX_CONFIG_BYTES)) ?? {}),
    ...specialTokensOf(config),
  };
  return createTextTokenizer({
    json,
    config,
    specialTokens,
    chatTemplate: await readChatTemplate(folder, config),
    eosTokenIds: await readEosTokenIds(folder, json, specialTokens.eos_token),
  });
}

function specialTokensOf(config: Json): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of specialTokenNames) {
    const value = config[name];
    // A text, or an object as Python's AddedToken is written.
    const content = isObject(value) ? value.content : value;
    if (typeof content === 'string' && content !== '') found[name] = content;
  }
  return found;
}

async function readChatTemplate(folder: string, config: Json): Promise<string | null> {
  const file = await readText(join(folder, 'chat_template.jinja'), MAX_TEMPLATE_LENGTH);
  if (file !== null) return file;
  const legacy = join(folder, 'chat_template.json');
  const configured = templateText(config.chat_template, join(folder, 'tokenizer_config.json'));
  return configured ?? templateText((await readJson(legacy, MAX_CONFIG_BYTES))?.chat_template, legacy);
}

function templateText(value: unknown, path: string): string | null {
  if (value === undefined || value === null) return null;
  let template = value;
  if (Array.isArray(value)) {
    template = value.find((item) => isObject(item) && item.name === 'default')?.template;
  }
  if (typeof template === 'string' && template.length <= MAX_TEMPLATE_LENGTH) return template;
  throw new InvalidFileError(
    path,
    `chat_template must be a text of at most ${MAX_TEMPLATE_LENGTH} characters, or a list of { name, template } with one named default.`,
  );
}

async function readEosTokenIds(folder: string, json: Json, eosToken: string | undefined): Promise<number[]> {
  for (const name of ['generation_config.json', 'config.json']) {
    const path = join(folder, name);
    const value = (await readJson(path, MAX_CONFIG_BYTES))?.eos_token_id;
    if (value === undefined || value === null) continue;
    const ids: unknown[] = Array.isArray(value) ? value : [value];
    if (!ids.every((id) => Number.isInteger(id) && (id as number) >= 0)) {
      throw new InvalidFileError(path, 'eos_token_id must be a token id or a list of them.');
    }
    return [...new Set(ids as number[])];
  }
  const id = eosToken === undefined ? undefined : idOfToken(json, eosToken);
  return id === undefined ? [] : [id];
}

function idOfToken(json: Json, content: string): number | undefined {
  const added = Array.isArray(json.added_tokens) ? json.added_tokens : [];
  const vocab = isObject(json.model) ? json.model.vocab : undefined;
  const id =
    added.find((token) => isObject(token) && token.content === content)?.id ??
    (isObject(vocab) ? vocab[content] : undefined);
  return typeof id === 'number' ? id : undefined;
}

async function readJson(path: string, maxBytes: number): Promise<Json | null> {
  const contents = await readText(path, maxBytes);
  if (contents === null) return null;
  let value: unknown;
  try {
    value = JSON.parse(contents);
  } catch (cause) {
    throw new InvalidFileError(
      path,
      `this is not JSON (${(cause as Error).message}). Fetch the model again.`,
      { cause },
    );
  }
  if (!isObject(value))
    throw new InvalidFileError(path, 'a JSON object was expected. Fetch the model again.');
  return value;
}

/** Null where there is no such file. */
async function readText(path: string, maxBytes: number): Promise<string | null> {
  let file: Awaited<ReturnType<typeof open>>;
  try {
    file = await open(path);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw new InvalidFileError(path, `it cannot be opened (${(cause as Error).message}).`, { cause });
  }
  try {
    const { size } = await file.stat();
    if (size > maxBytes) {
      throw new InvalidFileError(path, `it has ${size} bytes; at most ${maxBytes} are read.`);
    }
    const bytes = Buffer.alloc(size);
    const { bytesRead } = await file.read(bytes, 0, size, 0);
    return bytes.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
