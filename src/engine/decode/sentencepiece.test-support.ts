/** A SentencePiece-like tokenizer (Llama 2's layout), whose decoder drops the first blank and joins byte tokens. */
import type { TokenizerSource } from '../tokenizer/text-tokenizer.ts';

const words = ['▁the', '▁a', '▁', 'b', '▁▁', 'step', '.', '▁9'];
const bytes = Array.from(
  { length: 256 },
  (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`,
);
const tokens = ['<unk>', '<s>', '</s>', ...words, ...bytes];

export const sentencePieceSource: TokenizerSource = {
  json: {
    model: {
      type: 'BPE',
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges: [],
      unk_token: '<unk>',
      byte_fallback: true,
      fuse_unk: true,
    },
    added_tokens: tokens.slice(0, 3).map((content, id) => ({ id, content, special: true })),
    normalizer: null,
    pre_tokenizer: null,
    post_processor: null,
    decoder: {
      type: 'Sequence',
      decoders: [
        { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
        { type: 'ByteFallback' },
        { type: 'Fuse' },
        { type: 'Strip', content: ' ', start: 1, stop: 0 },
      ],
    },
  },
  config: {},
  chatTemplate: null,
  specialTokens: {},
  eosTokenIds: [2],
};
