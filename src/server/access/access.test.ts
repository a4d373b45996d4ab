import { describe, expect, it } from 'vitest';
import { ApiKeys } from './api-keys.ts';
import { RateLimit } from './rate-limit.ts';

describe('ApiKeys', () => {
  const first = 'a-first-key-of-22-char';
  const second = 'another-key-0123456789';
  const keys = new ApiKeys([first, second]);

  it('knows its keys and nothing else', () => {
    const owner = keys.ownerOf(`Bearer ${first}`);
    expect(owner).toMatch(/^[0-9a-f]{8}$/);
    expect(keys.ownerOf(`bearer  ${first}`)).toBe(owner);
    expect(keys.ownerOf(`Bearer ${second}`)).not.toBe(owner);
    const wrong = [
      undefined,
      '',
      first,
      `Basic ${first}`,
      `Bearer ${first}x`,
      `Bearer ${first.slice(1)}`,
      'Bearer ',
      `Bearer ${'x'.repeat(600)}`,
    ];
    for (const header of wrong) expect(keys.ownerOf(header), header).toBe(null);
  });

  it('refuses keys that are easily guessed', () => {
    expect(() => new ApiKeys(['short'])).toThrow(/16 to 512/);
    expect(() => new ApiKeys(['a key with spaces in it'])).toThrow(/without spaces/);
  });
});

describe('RateLimit', () => {
  it('gives a minute’s worth at once, then one each time it is due, for each key', () => {
    let now = 0;
    const limit = new RateLimit(3, () => now);
    expect([1, 2, 3, 4].map(() => limit.take('a'))).toEqual([null, null, null, 20]);
    expect(limit.take('b')).toBe(null);
    now = 19_000;
    expect(limit.take('a')).toBe(1);
    now = 20_000;
    expect([limit.take('a'), limit.take('a')]).toEqual([null, 20]);
    now = 3_600_000;
    expect([1, 2, 3, 4].map(() => limit.take('a'))).toEqual([null, null, null, 20]);
  });
});
