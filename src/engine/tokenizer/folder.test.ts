import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { InvalidFileError, UnsupportedModelError } from '../../errors.ts';
import { loadTokenizerFolder } from './folder.ts';
import { ggufTokenizerSource, tokenizerFromGguf } from './gguf.ts';
import { toyGgufMetadata } from './toy-vocabulary.test-support.ts';

let folder: string;
const { json } = ggufTokenizerSource(toyGgufMetadata());
const write = (name: string, value: unknown) =>
  writeFile(join(folder, name), typeof value === 'string' ? value : JSON.stringify(value));

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kvsteer-tokenizer-'));
  await write('tokenizer.json', json);
});
afterEach(() => rm(folder, { recursive: true }));

const template = async () =>
  (await loadTokenizerFolder(folder)).applyChatTemplate([{ role: 'user', content: 'Hi' }]);

describe('loadTokenizerFolder', () => {
  it('encodes as the same vocabulary from GGUF', async () => {
    const gguf = await tokenizerFromGguf(toyGgufMetadata());
    const tokenizer = await loadTokenizerFolder(folder);
    const text = '<|start|>the 123 é 😀\u0085 \ufeff ١٢ and<think>';
    expect(tokenizer.encode(text)).toEqual(gguf.encode(text));
    expect(tokenizer.vocabSize).toBe(gguf.vocabSize);
    expect(tokenizer.chatTemplateHash).toBeNull();
  });

  it('splits as the Rust library: Digits of every script, \\s of Unicode', async () => {
    const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true };
    const digits = { type: 'Digits', individual_digits: true };
    await write('tokenizer.json', {
      ...json,
      pre_tokenizer: { type: 'Sequence', pretokenizers: [digits, byteLevel] },
    });
    const gguf = await tokenizerFromGguf(toyGgufMetadata());
    const tokenizer = await loadTokenizerFolder(folder);
    for (const text of ['12 ١٢३', 'a\ufeff b', 'a \u0085\u0085b', '  the']) {
      expect(tokenizer.encode(text)).toEqual(gguf.encode(text));
    }
  });

  it('takes the template from chat_template.jinja, then the config, then chat_template.json', async () => {
    await write('chat_template.json', { chat_template: 'C' });
    expect(await template()).toBe('C');
    await write('tokenizer_config.json', {
      chat_template: 'B{{ bos_token }}',
      bos_token: { content: '<|start|>' },
    });
    expect(await template()).toBe('B<|start|>');
    await write('tokenizer_config.json', {
      chat_template: [
        { name: 'tool_use', template: 'T' },
        { name: 'default', template: 'D' },
      ],
    });
    expect(await template()).toBe('D');
    await write('chat_template.jinja', 'A');
    expect(await template()).toBe('A');
  });

  it('takes the EOS ids from generation_config.json, then config.json, then the eos_token', async () => {
    const ids = async () => (await loadTokenizerFolder(folder)).eosTokenIds;
    expect(await ids()).toEqual([]);
    await write('special_tokens_map.json', { eos_token: { content: '<|end|>' } });
    expect(await ids()).toEqual([1]);
    await write('config.json', { eos_token_id: 2 });
    expect(await ids()).toEqual([2]);
    await write('generation_config.json', { eos_token_id: [1, 2, 1] });
    expect(await ids()).toEqual([1, 2]);
    await write('generation_config.json', { eos_token_id: 'x' });
    await expect(ids()).rejects.toThrow(/eos_token_id/);
  });

  it.each([
    ['not JSON', '{"model":'],
    ['not an object', '[]'],
  ])('refuses a tokenizer.json that is %s', async (_, contents) => {
    await write('tokenizer.json', contents);
    await expect(loadTokenizerFolder(folder)).rejects.toThrow(InvalidFileError);
  });

  it('refuses parts that are not implemented, naming them', async () => {
    await write('tokenizer.json', { ...json, pre_tokenizer: { type: 'Mystery' } });
    await expect(loadTokenizerFolder(folder)).rejects.toThrow(/Mystery/);
    const split = { type: 'Split', pattern: { String: ' ' }, behavior: 'MergedWithNext', invert: false };
    await write('tokenizer.json', { ...json, pre_tokenizer: split });
    await expect(loadTokenizerFolder(folder)).rejects.toThrow(UnsupportedModelError);
    await write('tokenizer.json', {});
    await expect(loadTokenizerFolder(folder)).rejects.toThrow(UnsupportedModelError);
  });

  it('refuses a missing file, a folder in its place, and one past the size limit before reading it', async () => {
    await write('tokenizer.json', '');
    await truncate(join(folder, 'tokenizer.json'), 2 ** 40);
    await expect(loadTokenizerFolder(folder)).rejects.toThrow(/at most/);
    await rm(join(folder, 'tokenizer.json'));
    await expect(loadTokenizerFolder(folder)).rejects.toThrow(/no such file/);
  });

  it('refuses a template that is no text', async () => {
    await write('tokenizer_config.json', { chat_template: [{ name: 'rag', template: 'T' }] });
    await expect(loadTokenizerFolder(folder)).rejects.toThrow(InvalidFileError);
  });
});
