import { describe, expect, it } from 'vitest';
import { InvalidArgumentError } from '../errors.ts';
import { byteTokenizer as tokenizer } from './byte-tokenizer.test-support.ts';
import { makePair } from './pair.ts';
import { hashPairs } from './pair-hash.ts';

describe('makePair', () => {
  it('takes text as it is and puts messages into the template', () => {
    const pair = makePair('yes.', [{ role: 'user', content: 'no.' }], {
      tokenizer,
      position: 1,
      offset: '\n',
    });
    expect(pair.positive.text).toBe('yes.');
    expect(pair.negative.text).toMatch(/no\.<\|im_end\|>\n<\|im_start\|>assistant\n$/);
    expect(pair.positive.tokens).toEqual([...tokenizer.encode('yes.'), 10]);
    expect(pair.positive.position).toBe(4);
    expect(pair.offsetToken).toBe(10);
  });

  it('counts the position from the end on each side', () => {
    const pair = makePair('longer side::', 'side::', { tokenizer, position: 3 });
    expect([pair.positive.position, pair.negative.position]).toEqual([10, 3]);
    expect(() => makePair('ab', 'b', { tokenizer, position: 2 })).toThrow(
      /outside the negative side's 1 tokens/,
    );
    for (const position of [0, -1, 1.5, Number.NaN]) {
      expect(() => makePair('ab', 'b', { tokenizer, position })).toThrow(InvalidArgumentError);
    }
  });

  it('refuses sides without contrast, or with different tokens where they are read', () => {
    expect(() => makePair('same', 'same', { tokenizer }, 'pair 4')).toThrow(
      /pair 4: both sides are identical/,
    );
    expect(() => makePair('', 'b', { tokenizer })).toThrow(/positive side is empty/);
    expect(() => makePair('yes', 'no', { tokenizer })).toThrow(/found "s" \(115\).*"o" \(111\)/);
    // What comes after the position is never read.
    expect(() => makePair('xa', 'xb', { tokenizer, position: 2 })).toThrow(/identical up to/);
  });

  it('refuses an offset that is not one token, and messages without a template', () => {
    expect(() => makePair('ab', 'b', { tokenizer, offset: 'two' })).toThrow(/exactly one token/);
    expect(() => makePair('ab', 'b', { tokenizer, offset: 257 })).toThrow(/0 to 256/);
    const bare = { ...tokenizer, chatTemplateHash: null };
    expect(() => makePair([{ role: 'user', content: 'a' }], 'b', { tokenizer: bare })).toThrow(
      /no chat template/,
    );
  });
});

describe('hashPairs', () => {
  const pair = makePair('yes.', 'no.', { tokenizer });
  const other = makePair('yes!', 'no!', { tokenizer });

  it('depends on tokens, positions, sides and order, and on nothing else', async () => {
    const hash = await hashPairs([pair, other]);
    expect(hash).toMatch(/^[0-9a-f]{64}$/);
    expect(await hashPairs([{ ...pair, source: { item: 1, examples: [0] } }, other])).toBe(hash);
    const different = [
      [other, pair],
      [pair],
      [{ ...pair, positive: pair.negative, negative: pair.positive }, other],
      [{ ...pair, positive: { ...pair.positive, position: 0 } }, other],
    ];
    for (const pairs of different) expect(await hashPairs(pairs)).not.toBe(hash);
  });
});
