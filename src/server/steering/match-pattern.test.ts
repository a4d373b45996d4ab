import { describe, expect, it } from 'vitest';
import { matchesPattern } from './match-pattern.ts';

describe('matchesPattern', () => {
  it('finds a pattern anywhere, with flags', () => {
    expect(matchesPattern({ regex: '\\bhow many\\b' }, 'Tell me how many there are', 'p')).toBe(true);
    expect(matchesPattern({ regex: '^how' }, 'HOW many', 'p')).toBe(false);
    expect(matchesPattern({ regex: '^how', flags: 'im' }, 'Tom\nHOW many', 'p')).toBe(true);
    expect(matchesPattern({ regex: '\\p{Lu}', flags: 'u' }, 'É', 'p')).toBe(true);
  });

  it('stops patterns that would take for ever, soon', () => {
    for (const [regex, text] of [
      ['(a+)+$', `${'a'.repeat(50)}b`],
      ['(x+x+)+y', 'x'.repeat(5000)],
      ['^(\\w+\\s?)*$', 'word '.repeat(1000).concat('!')],
    ] as const) {
      const since = performance.now();
      expect(() => matchesPattern({ regex }, text, 'steering.when')).toThrow(
        expect.objectContaining({ status: 400, apiCode: 'pattern_too_slow', param: 'steering.when' }),
      );
      expect(performance.now() - since).toBeLessThan(1000);
    }
    expect(matchesPattern({ regex: 'b$' }, 'ab', 'p')).toBe(true);
  });

  it('refuses what is no pattern, and reads the end of a long text only', () => {
    expect(() => matchesPattern({ regex: '(' }, 'a', 'p')).toThrow(expect.objectContaining({ status: 400 }));
    expect(matchesPattern({ regex: 'start' }, `start${'.'.repeat(20_000)}end`, 'p')).toBe(false);
    expect(matchesPattern({ regex: 'end$' }, `start${'.'.repeat(20_000)}end`, 'p')).toBe(true);
  });
});
