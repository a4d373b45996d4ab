import fc from 'fast-check';
import stringWidth from 'string-width';
import { describe, expect, it } from 'vitest';
import { pad, printable, truncate, wrapText } from './wrap.ts';

describe('wrapText', () => {
  it('breaks between words, at line breaks, and within a word that is too long', () => {
    expect(wrapText('one two three', 8)).toEqual(['one two', 'three']);
    expect(wrapText('one\n\ntwo', 8)).toEqual(['one', '', 'two']);
    expect(wrapText('abcdefghij', 4)).toEqual(['abcd', 'efgh', 'ij']);
    expect(wrapText('', 8)).toEqual(['']);
  });

  it('keeps the indentation of a line and drops the blanks it was broken at', () => {
    expect(wrapText('  - a list entry', 10)).toEqual(['  - a list', 'entry']);
    expect(wrapText('word   next', 5)).toEqual(['word', 'next']);
  });

  it('counts wide characters as two columns and never splits one', () => {
    expect(wrapText('古池や蛙飛び込む', 6)).toEqual(['古池や', '蛙飛び', '込む']);
    expect(wrapText('a👩‍👩‍👧b', 2)).toEqual(['a', '👩‍👩‍👧', 'b']);
  });

  it('lets no control character through to the terminal', () => {
    expect(wrapText('a\u001b[2Jb\u0007', 20)).toEqual(['a\ufffd[2Jb\ufffd']);
    expect(printable('a\tb\r\nc\u202e')).toBe('a    b\nc\ufffd');
  });

  it('never writes past the width and loses nothing but blanks', () => {
    const text = fc.string({
      unit: fc.constantFrom('a', 'bc', ' ', '\n', '古', '👍', 'é', '\t', '-'),
      maxLength: 80,
    });
    fc.assert(
      fc.property(text, fc.integer({ min: 2, max: 30 }), (original, width) => {
        const lines = wrapText(original, width);
        for (const line of lines) expect(stringWidth(line)).toBeLessThanOrEqual(width);
        const bare = (s: string) => s.replace(/\s/g, '');
        expect(bare(lines.join(''))).toBe(bare(original));
      }),
    );
  });
});

describe('pad and truncate', () => {
  it('fill up by columns, not by characters', () => {
    expect(pad('古', 4)).toBe('古  ');
    expect(pad('\u001b[1mab\u001b[22m', 3)).toBe('\u001b[1mab\u001b[22m ');
    expect(pad('7', 3, 'left')).toBe('  7');
  });

  it('cut with an ellipsis', () => {
    expect(truncate('short', 8)).toBe('short');
    expect(truncate('a longer text', 8)).toBe('a longe…');
    expect(stringWidth(truncate('古古古古古', 6))).toBeLessThanOrEqual(6);
  });
});
