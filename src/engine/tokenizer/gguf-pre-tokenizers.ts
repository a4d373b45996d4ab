/** The pre-tokenizers behind the names of `tokenizer.ggml.pre`: a GGUF has the name, the rules are the model family's. */
import { UnsupportedModelError } from '../../errors.ts';
import { bytesAfter, digitSplit, gpt2Split, isolate, type PreTokenizerJson } from './pre-tokenizer.ts';

export interface GgufPreTokenizer {
  readonly preTokenizer: PreTokenizerJson;
  readonly normalizer: Readonly<Record<string, unknown>> | null;
  /** A piece that is a token as a whole is taken without going through the merges. */
  readonly ignoreMerges: boolean;
}

/** The GPT-4 family's pattern; `digits` is how many are taken together. */
function wordPattern(digits: string): string {
  return (
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|" +
    `${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`
  );
}

const gpt2: GgufPreTokenizer = { preTokenizer: bytesAfter(gpt2Split), normalizer: null, ignoreMerges: false };

const singleDigits: GgufPreTokenizer = { ...gpt2, preTokenizer: bytesAfter(digitSplit, gpt2Split) };

const llama3: GgufPreTokenizer = {
  preTokenizer: bytesAfter(isolate(wordPattern('\\p{N}{1,3}'))),
  normalizer: null,
  ignoreMerges: true,
};

// Qwen2's tokenizer.json composes characters (NFC) first; llama.cpp leaves that out. The model was trained with it.
const qwen2: GgufPreTokenizer = {
  preTokenizer: bytesAfter(isolate(wordPattern('\\p{N}'))),
  normalizer: { type: 'NFC' },
  ignoreMerges: false,
};

/** What llama.cpp does for GGUFs that name no family: its LLAMA_VOCAB_PRE_TYPE_DEFAULT. */
const unnamed: GgufPreTokenizer = {
  ...gpt2,
  preTokenizer: bytesAfter(
    isolate('[\\p{P}\\$\\+<=>\\^~\\|]+'),
    gpt2Split,
    isolate('\\p{N}+'),
    isolate('[0-9][0-9][0-9]'),
  ),
};

const byName: ReadonlyMap<string, GgufPreTokenizer> = new Map([
  ['default', unnamed],
  ['gpt-2', gpt2],
  ['phi-2', gpt2],
  ['smollm', singleDigits],
  ['starcoder', singleDigits],
  ['refact', singleDigits],
  ['codeshell', singleDigits],
  ['llama3', llama3],
  ['llama-v3', llama3],
  ['llama-bpe', llama3],
  ['smaug-bpe', { ...llama3, ignoreMerges: false }],
  ['qwen2', qwen2],
  ['deepseek-r1-qwen', qwen2],
]);

/**
 * @param name `tokenizer.ggml.pre`; undefined where the GGUF has none.
 * @throws UnsupportedModelError naming it.
 */
export function ggufPreTokenizer(name: string | undefined): GgufPreTokenizer {
  const known = [...byName.keys()].join(', ');
  if (name === undefined) {
    throw new UnsupportedModelError(
      `The GGUF does not name its pre-tokenizer (tokenizer.ggml.pre): it was made by an old converter, and its text would be split wrongly. Convert the model again, or use its tokenizer.json. Known: ${known}.`,
    );
  }
  const found = byName.get(name);
  if (found === undefined) {
    throw new UnsupportedModelError(
      `The GGUF's pre-tokenizer "${name}" (tokenizer.ggml.pre) is not supported. Known: ${known}.`,
    );
  }
  return found;
}
