import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InvalidArgumentError, InvalidFileError, UnsupportedModelError } from '../../errors.ts';
import { tokenizerFromGguf } from './gguf.ts';
import { toyGgufMetadata, toyTemplate } from './toy-vocabulary.test-support.ts';

const tokenizer = await tokenizerFromGguf(toyGgufMetadata());
const pieces = (text: string) =>
  tokenizer.encode(text).map((id) => tokenizer.decode([id], { skipSpecialTokens: false }));

describe('tokenizerFromGguf', () => {
  it('merges in order, takes each digit by itself, adds no BOS', () => {
    expect(pieces("the  the's 1234")).toEqual(['t', 'he', ' ', ' the', "'s", ' ', '1', '2', '3', '4']);
  });

  it('makes special and user-defined tokens written in the text their ids; only special ones are skipped', () => {
    const ids = tokenizer.encode('<|start|>a<think><|end|>');
    expect(ids).toEqual([0, tokenizer.encode('a')[0], 3, 1]);
    expect(tokenizer.decode(ids)).toBe('a<think>');
    expect(tokenizer.decode(ids, { skipSpecialTokens: false })).toBe('<|start|>a<think><|end|>');
  });

  it('ends at the EOS and EOT ids, and hashes its template', () => {
    expect(tokenizer.vocabSize).toBe(272);
    expect(tokenizer.eosTokenIds).toEqual([1, 2]);
    expect(tokenizer.chatTemplateHash).toBe(createHash('sha256').update(toyTemplate).digest('hex'));
  });

  it('gives any text back', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        expect(tokenizer.decode(tokenizer.encode(text), { skipSpecialTokens: false })).toBe(text);
      }),
    );
  });

  it('keeps blanks before punctuation', () => {
    expect(tokenizer.decode(tokenizer.encode("a . b , n't"))).toBe("a . b , n't");
  });

  it('decodes nothing, and ids past the vocabulary, to nothing; refuses what is no id', () => {
    expect(tokenizer.decode([])).toBe('');
    expect(tokenizer.decode([1_000_000])).toBe('');
    expect(() => tokenizer.decode([-1])).toThrow(InvalidArgumentError);
    expect(() => tokenizer.decode([0.5])).toThrow(InvalidArgumentError);
    expect(() => tokenizer.encode(undefined as unknown as string)).toThrow(InvalidArgumentError);
  });

  it('without a template, chatTemplateHash is null and messages are refused', async () => {
    const { 'tokenizer.chat_template': _, ...metadata } = toyGgufMetadata();
    const plain = await tokenizerFromGguf(metadata);
    expect(plain.chatTemplateHash).toBeNull();
    expect(() => plain.applyChatTemplate([{ role: 'user', content: 'a' }])).toThrow(InvalidArgumentError);
  });

  it.each([
    ['gpt-2', "a12 1234's", ['a', '12', ' ', '123', '4', "'s"]],
    ['qwen2', "a12 1234'S", ['a', '1', '2', ' ', '1', '2', '3', '4', "'", 'S']],
    ['llama-bpe', 'a12 1234', ['a', '12', ' ', '123', '4']],
    ['default', 'a123456', ['a', '123', '4', '5', '6']],
  ])('splits as %s does', async (pre, text, expected) => {
    const other = await tokenizerFromGguf({ ...toyGgufMetadata(), 'tokenizer.ggml.pre': pre });
    expect(other.encode(text).map((id) => other.decode([id]))).toEqual(expected);
  });

  it('composes characters for qwen2, as its tokenizer.json does', async () => {
    const qwen = await tokenizerFromGguf({ ...toyGgufMetadata(), 'tokenizer.ggml.pre': 'qwen2' });
    expect(qwen.decode(qwen.encode('e\u0301'))).toBe('\u00e9');
    expect(tokenizer.decode(tokenizer.encode('e\u0301'))).toBe('e\u0301');
  });

  it('names an unknown pre-tokenizer, a missing one and another kind of vocabulary', async () => {
    const load = (change: object) => tokenizerFromGguf({ ...toyGgufMetadata(), ...change });
    await expect(load({ 'tokenizer.ggml.pre': 'tekken' })).rejects.toThrow(/"tekken".*Known: .*smollm/);
    await expect(load({ 'tokenizer.ggml.pre': undefined })).rejects.toThrow(UnsupportedModelError);
    await expect(load({ 'tokenizer.ggml.model': 'llama' })).rejects.toThrow(/"llama"/);
    await expect(load({ 'tokenizer.ggml.model': undefined })).rejects.toThrow(UnsupportedModelError);
  });

  it.each([
    ['tokens', { 'tokenizer.ggml.tokens': 'none' }],
    ['token_type', { 'tokenizer.ggml.token_type': [1, 2] }],
    ['merge', { 'tokenizer.ggml.merges': ['ab'] }],
    ['merge', { 'tokenizer.ggml.merges': ['a b c'] }],
    ['merges', { 'tokenizer.ggml.merges': [1] }],
    ['eos_token_id', { 'tokenizer.ggml.eos_token_id': 272 }],
    ['two ids', { 'tokenizer.ggml.tokens': Array.from({ length: 272 }, () => 'a') }],
    ['chat template', { 'tokenizer.chat_template': 'a'.repeat((1 << 20) + 1) }],
    ['chat_template', { 'tokenizer.chat_template': 1 }],
  ])('refuses damaged metadata: %s', async (name, change) => {
    const loading = tokenizerFromGguf({ ...toyGgufMetadata(), ...change }, 'model.gguf');
    await expect(loading).rejects.toThrow(InvalidFileError);
    await expect(loading).rejects.toThrow(name);
  });
});
