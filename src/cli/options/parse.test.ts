import { describe, expect, it } from 'vitest';
import { InvalidArgumentError } from '../../errors.ts';
import { indicesOf, parseRanges } from './index-ranges.ts';
import { collectTexts, escapedText, number, numberList } from './parse.ts';

describe('number', () => {
  it('takes what is in range and says what would be', () => {
    expect(number()('-4')).toBe(-4);
    expect(number({ min: 0, max: 10 })('0.5')).toBe(0.5);
    expect(() => number({ min: 0, max: 10 })('11')).toThrow('Expected a number from 0 to 10.');
    expect(() => number({ above: 0, max: 1 })('0')).toThrow('Expected a number above 0 up to 1.');
    expect(() => number({ min: 1, integer: true })('1.5')).toThrow('Expected a whole number from 1 up.');
    for (const text of ['', ' ', 'abc', 'NaN', 'Infinity', '1e999'])
      expect(() => number()(text)).toThrow('Expected a number.');
  });

  it('takes several for a column each', () => {
    expect(numberList('1,2, -4')).toEqual([1, 2, -4]);
    expect(() => numberList('1,1')).toThrow('twice');
    expect(() => numberList('1,,2')).toThrow('Expected a number');
    expect(() => numberList('1,2,3,4,5,6,7,8,9')).toThrow('at most 8');
  });
});

describe('escapes', () => {
  it('are those of JavaScript', () => {
    expect(escapedText('a\\nb\\t\\\\n\\x41\\u00e9\\u{1F600}')).toBe('a\nb\t\\nAé😀');
    expect(escapedText(' ')).toBe(' ');
  });

  it('are refused where they mean nothing', () => {
    for (const text of ['\\q', 'a\\', '\\u12', '\\u{110000}', ''])
      expect(() => escapedText(text)).toThrow(/escape|character/);
  });

  it('work in a flag that is given several times', () => {
    expect(collectTexts('\\n\\n', collectTexts('END', undefined))).toEqual(['END', '\n\n']);
  });
});

describe('layers and heads', () => {
  const layers = { flag: '--layers', noun: 'layer' };

  it('are lists and ranges, open at the end', () => {
    expect(indicesOf(parseRanges('1-3'), 30, layers)).toEqual([1, 2, 3]);
    expect(indicesOf(parseRanges('12,4,8,4'), 30, layers)).toEqual([4, 8, 12]);
    expect(indicesOf(parseRanges('27-'), 30, layers)).toEqual([27, 28, 29]);
    expect(indicesOf(parseRanges('0, 28 -'), 30, layers)).toEqual([0, 28, 29]);
  });

  it('must be inside the model', () => {
    for (const text of ['30', '1-30', '30-']) {
      expect(() => indicesOf(parseRanges(text), 30, layers)).toThrow(
        '--layers: there is no layer 30. This model has 30 layers, 0 to 29.',
      );
    }
    expect(() => indicesOf(parseRanges('999999'), 30, layers)).toThrow(InvalidArgumentError);
  });

  it('must be spelled as ranges', () => {
    for (const text of ['', 'a', '-3', '1-2-3', '1;2', '1.5', '1234567'])
      expect(() => parseRanges(text)).toThrow(/Expected numbers/);
    expect(() => parseRanges('5-2')).toThrow('runs backwards');
  });
});
