import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createStopMatcher } from './stop-texts.ts';

function run(stops: string[], pieces: string[]) {
  const matcher = createStopMatcher(stops);
  const results = pieces.map((piece) => matcher.push(piece));
  return {
    given: results.map(({ text }) => text),
    stopped: results.at(-1)?.stopped ?? false,
    rest: matcher.rest(),
  };
}

/** Where the text is cut, by trying every end. */
function cut(stops: readonly string[], text: string): string | null {
  for (let end = 1; end <= text.length; end++) {
    const met = stops.filter((stop) => text.slice(0, end).endsWith(stop));
    if (met.length > 0) return text.slice(0, end - Math.max(...met.map((stop) => stop.length)));
  }
  return null;
}

describe('createStopMatcher', () => {
  it('holds back what may be a beginning', () => {
    expect(run(['END'], ['a E', 'N', 'x', 'END', 'y'])).toEqual({
      given: ['a ', '', 'ENx', '', ''],
      stopped: true,
      rest: '',
    });
    expect(run(['END'], ['a EN'])).toEqual({ given: ['a '], stopped: false, rest: 'EN' });
  });

  it('falls back inside a repeated beginning', () => {
    expect(run(['aab'], ['aa', 'a', 'b'])).toEqual({ given: ['', 'a', ''], stopped: true, rest: '' });
  });

  it('lets the stop text that is complete first win, and the longer of two that end together', () => {
    expect(run(['bcde', 'cd'], ['abcdef']).given).toEqual(['ab']);
    expect(run(['cd', 'bcd'], ['abcdef']).given).toEqual(['a']);
  });

  it('cuts at the same place however the text comes', () => {
    const letter = fc.constantFrom('a', 'b', 'c');
    const word = (minLength: number, maxLength: number) =>
      fc.array(letter, { minLength, maxLength }).map((letters) => letters.join(''));
    fc.assert(
      fc.property(fc.array(word(1, 4), { maxLength: 3 }), fc.array(word(0, 5)), (stops, pieces) => {
        const { given, stopped, rest } = run(stops, pieces);
        const whole = pieces.join('');
        const expected = cut(stops, whole);
        expect(stopped).toBe(expected !== null);
        expect(given.join('') + rest).toBe(expected ?? whole);
      }),
      { numRuns: 1000 },
    );
  });
});
