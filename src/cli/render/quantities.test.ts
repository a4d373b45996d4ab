import { describe, expect, it } from 'vitest';
import {
  counted,
  formatBytes,
  formatMilliseconds,
  formatPercent,
  formatRanges,
  shellWord,
} from './quantities.ts';

describe('quantities', () => {
  it('give bytes in decimal units', () => {
    expect([0, 999, 1000, 98_362_432, 1.26e9, 999_999].map(formatBytes)).toEqual([
      '0 B',
      '999 B',
      '1.0 kB',
      '98 MB',
      '1.3 GB',
      '1.0 MB',
    ]);
  });

  it('give times in the unit that reads well', () => {
    expect([0.4, 12.34, 340, 1234, 59_990, 125_000].map(formatMilliseconds)).toEqual([
      '0.40 ms',
      '12.3 ms',
      '340 ms',
      '1.2 s',
      '1 min 0 s',
      '2 min 5 s',
    ]);
  });

  it('give shares, counts and ranges', () => {
    expect(formatPercent(0.952)).toBe('95.2 %');
    expect([counted(1, 'token'), counted(2048, 'token')]).toEqual(['1 token', '2,048 tokens']);
    expect(formatRanges([0, 4, 5, 6, 9])).toBe('0, 4-6, 9');
    expect(formatRanges([])).toBe('');
  });

  it('quote what a shell would split', () => {
    expect(shellWord('/tmp/a.safetensors')).toBe('/tmp/a.safetensors');
    expect(shellWord("it's here")).toBe(`'it'\\''s here'`);
  });
});
