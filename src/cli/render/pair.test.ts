import pc from 'picocolors';
import { describe, expect, it } from 'vitest';
import { byteTokenizer as tokenizer } from '../../pairs/byte-tokenizer.test-support.ts';
import { makePair } from '../../pairs/pair.ts';
import { commonPrefix, renderPair } from './pair.ts';

const plain = pc.createColors(false);

describe('renderPair', () => {
  it('marks the token that is read, and says how far the prompts are alike', () => {
    const pair = makePair('Ask. Because it is so.\nEnd: x', 'Ask. So.\nEnd: x', { tokenizer, position: 3 });
    // "Ask. " is 5 bytes; 29 and 15 bytes in all.
    expect(commonPrefix(pair)).toBe(5);
    expect(renderPair(pair, 'pair 1', tokenizer, 80, plain)).toBe(
      [
        'pair 1',
        'positive, 29 tokens, read at 26\n  Ask. Because it is so.\n  End[[:]] x',
        'negative, 15 tokens, read at 12\n  Ask. So.\n  End[[:]] x',
        'The prompts begin with the same 5 tokens; the positive one is 14 tokens longer.',
      ].join('\n\n'),
    );
  });

  it('shows blanks and line feeds that are read, and keeps control characters from the terminal', () => {
    const pair = makePair('a\u001b[2Jb\n', 'cc\n', { tokenizer });
    expect(renderPair(pair, '', tokenizer, 80, plain)).toContain('  a\ufffd[2Jb[[\\n]]');
    const blank = makePair('long ', 'l ', { tokenizer });
    expect(renderPair(blank, '', tokenizer, 80, plain)).toContain('  long[[␣]]');
  });

  it('turns the marked token round where there are colours, and dims what both begin with', () => {
    const pair = makePair('same\nyes.', 'same\nno.', { tokenizer });
    const text = renderPair(pair, '', tokenizer, 80, pc.createColors(true));
    expect(text).toContain('  \u001b[2msame\u001b[22m\n  yes\u001b[7m.\u001b[27m');
    expect(text).not.toContain('[[');
  });
});
