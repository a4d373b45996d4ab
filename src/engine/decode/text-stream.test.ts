import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { tokenizerFromGguf } from '../tokenizer/gguf.ts';
import { createTextTokenizer } from '../tokenizer/text-tokenizer.ts';
import { toyGgufMetadata } from '../tokenizer/toy-vocabulary.test-support.ts';
import { sentencePieceSource } from './sentencepiece.test-support.ts';
import { createTextStream, type TextStreamOptions } from './text-stream.ts';

const byteLevel = await tokenizerFromGguf(toyGgufMetadata());
const sentencePiece = await createTextTokenizer(sentencePieceSource);

function pieces(tokens: readonly number[], options: TextStreamOptions = {}, tokenizer = byteLevel) {
  const stream = createTextStream(tokenizer, options);
  const given = tokens.map((token) => stream.push(token));
  return { given, rest: stream.finish(), stopped: stream.stopped };
}

describe('createTextStream', () => {
  it('holds a character back until its bytes are there', () => {
    const tokens = byteLevel.encode('a😀b');
    const { given, rest } = pieces(tokens);
    expect(tokens.length).toBe(5);
    expect(given).toEqual(['a', '', '', '😀', 'b']);
    expect(rest).toBe('');
  });

  it('gives what stays incomplete at the end', () => {
    const { given, rest } = pieces(byteLevel.encode('a😀').slice(0, -1));
    expect(given.join('')).toBe('a');
    expect(rest).toBe('\ufffd');
  });

  it('skips special tokens, inside a character too, unless told not to', () => {
    const [first, ...others] = byteLevel.encode('😀');
    const tokens = [0, first!, 1, ...others, 2];
    expect(pieces(tokens).given.join('')).toBe('😀');
    const shown = pieces(tokens, { skipSpecialTokens: false });
    expect(shown.given.join('') + shown.rest).toBe(byteLevel.decode(tokens, { skipSpecialTokens: false }));
  });

  it('ends before a stop text that spans tokens', () => {
    const { given, rest, stopped } = pieces(byteLevel.encode('one\n\nQ: two'), { stop: ['\nQ:'] });
    expect(given.join('')).toBe('one\n');
    expect({ rest, stopped }).toEqual({ rest: '', stopped: true });
  });

  it('gives the beginning of a stop text at the end, when it did not come', () => {
    const { given, rest, stopped } = pieces(byteLevel.encode('a\nQ'), { stop: ['\nQ:'] });
    expect({ text: given.join(''), rest, stopped }).toEqual({ text: 'a', rest: '\nQ', stopped: false });
  });

  it('can stop at the very end, on what an incomplete character decodes to', () => {
    const { given, rest, stopped } = pieces(byteLevel.encode('a😀').slice(0, -1), { stop: ['\ufffd'] });
    expect({ text: given.join(''), rest, stopped }).toEqual({ text: 'a', rest: '', stopped: true });
  });

  it('gives nothing for no tokens', () => {
    expect(pieces([])).toEqual({ given: [], rest: '', stopped: false });
  });

  it.each([
    ['byte-level', byteLevel],
    ['SentencePiece', sentencePiece],
  ])('equals decoding everything at once (%s)', (_, tokenizer) => {
    const token = fc.oneof(fc.nat({ max: tokenizer.vocabSize - 1 }), fc.nat({ max: 20 }));
    fc.assert(
      fc.property(fc.array(token, { maxLength: 60 }), fc.boolean(), (tokens, skipSpecialTokens) => {
        const { given, rest } = pieces(tokens, { skipSpecialTokens }, tokenizer);
        expect(given.join('') + rest).toBe(tokenizer.decode(tokens, { skipSpecialTokens }));
      }),
      { numRuns: 1000 },
    );
  });

  it.each([
    ['words', byteLevel, byteLevel.encode(' the and in 12'.repeat(200))],
    [
      'bytes that make no character',
      byteLevel,
      Array.from({ length: 3000 }, () => byteLevel.encode('é')[0]! - 1),
    ],
    ['special tokens', byteLevel, Array.from({ length: 3000 }, () => 0)],
    ['SentencePiece words', sentencePiece, Array.from({ length: 3000 }, (_, i) => 3 + (i % 4))],
  ])('decodes a bounded number of tokens at each step: %s', (_, tokenizer, tokens) => {
    let decoded = 0;
    const counting = {
      decode: (ids: readonly number[], options?: { skipSpecialTokens?: boolean }) => {
        decoded += ids.length;
        return tokenizer.decode(ids, options);
      },
    };
    const stream = createTextStream(counting);
    const text = tokens.map((token) => stream.push(token)).join('') + stream.finish();
    expect(text).toBe(tokenizer.decode(tokens));
    expect(decoded).toBeLessThan(10 * tokens.length);
  });
});
