/** SmolLM2's own vocabulary and template: against the goldens, Python's tokenizers and Transformers.js. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gguf } from '@huggingface/gguf';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { cacheFolder } from '../../models/cache-folder.ts';
import { createTextStream } from '../decode/text-stream.ts';
import python from './fixtures/python-ids.json' with { type: 'json' };
import { loadTokenizerFolder } from './folder.ts';
import { ggufTokenizerSource, tokenizerFromGguf } from './gguf.ts';

/** `$KVSTEER_TEST_GGUF`, else where `kvsteer pull smollm2-135m-instruct` puts it. */
function modelPath(): string {
  const pulled = join(cacheFolder(), 'models', 'smollm2-135m-instruct', 'SmolLM2-135M-Instruct.Q4_1.gguf');
  return process.env.KVSTEER_TEST_GGUF ?? pulled;
}

const path = modelPath();
const goldens = fileURLToPath(new URL('../../../test/goldens/', import.meta.url));
const golden = (name: string) => JSON.parse(readFileSync(goldens + name, 'utf8'));
const hasModel = existsSync(path);
const hasGoldens = existsSync(goldens);
if (!hasModel) process.stderr.write(`SmolLM2's tokenizer is not tested: ${path} is not there.\n`);
if (!hasGoldens) process.stderr.write(`The goldens are not compared: ${goldens} is not there.\n`);

interface Side {
  readonly text: string;
  readonly token_ids: number[];
}
interface Pair {
  readonly positive: Side;
  readonly negative: Side;
}
interface Generation {
  readonly question: string;
  readonly prompt_text: string;
  readonly prompt_token_ids: number[];
  readonly output_token_ids: number[];
  readonly output_text: string;
}

describe.skipIf(!hasModel)('SmolLM2', async () => {
  if (!hasModel) return;
  const metadata = (await gguf(path, { allowLocalFile: true })).metadata as Record<string, unknown>;
  const tokenizer = await tokenizerFromGguf(metadata, path);
  const generations: Generation[] = hasGoldens ? golden('generations.json') : [];
  const pairs: Pair[] = hasGoldens ? golden('pairs.json').pairs : [];
  const sides = pairs.flatMap((pair) => [pair.positive, pair.negative]);

  const folder = mkdtempSync(join(tmpdir(), 'kvsteer-smollm2-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const { json, specialTokens, chatTemplate } = ggufTokenizerSource(metadata);
  // As in HuggingFaceTB/SmolLM2-135M-Instruct's tokenizer.json.
  const pre_tokenizer = {
    type: 'Sequence',
    pretokenizers: [
      { type: 'Digits', individual_digits: true },
      { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
    ],
  };
  const config = { tokenizer_class: 'GPT2Tokenizer', clean_up_tokenization_spaces: false, ...specialTokens };
  writeFileSync(join(folder, 'tokenizer.json'), JSON.stringify({ ...json, pre_tokenizer }));
  writeFileSync(
    join(folder, 'tokenizer_config.json'),
    JSON.stringify({ ...config, chat_template: chatTemplate }),
  );

  it('is read from the metadata', () => {
    expect(tokenizer.vocabSize).toBe(49_152);
    expect(tokenizer.eosTokenIds).toEqual([2]);
    expect(tokenizer.chatTemplateHash).toBe(
      '872be49dbb638044ad01b60388f48d469ff2980e5f0dccdc22ec907db54d0788',
    );
  });

  it.skipIf(!hasGoldens)('gives the ids of the golden pairs', () => {
    expect(sides).toHaveLength(32);
    for (const { text, token_ids } of sides) expect(tokenizer.encode(text)).toEqual(token_ids);
  });

  it.skipIf(!hasGoldens)(
    'gives the prompts and texts of the golden generations, default system message included',
    () => {
      for (const { question, prompt_text, prompt_token_ids, output_token_ids, output_text } of generations) {
        expect(tokenizer.applyChatTemplate([{ role: 'user', content: question }])).toBe(prompt_text);
        expect(tokenizer.encode(prompt_text)).toEqual(prompt_token_ids);
        expect(tokenizer.decode(output_token_ids, { skipSpecialTokens: false })).toBe(output_text);
      }
    },
  );

  it.each(Object.entries(python.ids))("gives the ids of Python's tokenizers (%s)", async (pre, ids) => {
    const other = await tokenizerFromGguf({ ...metadata, 'tokenizer.ggml.pre': pre });
    for (const [i, text] of python.texts.entries()) expect(other.encode(text), text).toEqual(ids[i]);
  });

  it('is the same from a folder', async () => {
    const other = await loadTokenizerFolder(folder);
    for (const [i, text] of python.texts.entries()) expect(other.encode(text)).toEqual(python.ids.smollm[i]);
    expect(other.eosTokenIds).toEqual(tokenizer.eosTokenIds);
    expect(other.chatTemplateHash).toBe(tokenizer.chatTemplateHash);
  });

  it('gives the ids and prompts of Transformers.js', async () => {
    const { AutoTokenizer, env } = await import('@huggingface/transformers');
    env.allowRemoteModels = false;
    const other = await AutoTokenizer.from_pretrained(folder);
    for (const { text } of sides) expect(other.encode(text)).toEqual(tokenizer.encode(text));
    const conversations = [
      [{ role: 'user', content: 'Hi' }],
      [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: ' 1 + 1?\n' },
        { role: 'assistant', content: '2' },
      ],
    ];
    for (const messages of conversations) {
      for (const addGenerationPrompt of [true, false]) {
        const expected = other.apply_chat_template(messages, {
          tokenize: false,
          add_generation_prompt: addGenerationPrompt,
        });
        const text = tokenizer.applyChatTemplate(messages, { addGenerationPrompt });
        expect(text).toBe(expected);
        expect(tokenizer.encode(text)).toEqual(other.encode(text));
      }
    }
  });

  it('gives text back', () => {
    const text = fc.string({ unit: 'grapheme' });
    fc.assert(
      fc.property(text, (value) => {
        expect(tokenizer.decode(tokenizer.encode(value), { skipSpecialTokens: false })).toBe(value);
      }),
    );
  });

  it("drops the 21 bytes that the vocabulary lacks, as Python's tokenizers does", () => {
    expect(tokenizer.encode('a\u{40000}b')).toEqual([81, 218, 218, 218, 82]);
  });

  it('streams what decoding everything at once gives', () => {
    const token = fc.nat({ max: tokenizer.vocabSize - 1 });
    fc.assert(
      fc.property(fc.array(token, { maxLength: 80 }), (tokens) => {
        const stream = createTextStream(tokenizer);
        const pieces = tokens.map((id) => stream.push(id));
        expect(pieces.join('') + stream.finish()).toBe(tokenizer.decode(tokens));
      }),
      { numRuns: 300 },
    );
  });
});
