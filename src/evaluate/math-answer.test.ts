import { describe, expect, it } from 'vitest';
import { isSameMath, mathAnswer } from './math-answer.ts';

describe('mathAnswer', () => {
  it.each([
    ['Thus $x = \\boxed{\\frac{1}{2}}$.', '\\frac{1}{2}'],
    ['\\boxed{1} and finally \\boxed{\\sqrt{2}}', '\\sqrt{2}'],
    ['\\boxed{\\{1, 2\\}}', '\\{1, 2\\}'],
    ['Torn: \\boxed{3}, then \\boxed{4', '3'],
    ['So \\boxed 5.', '5'],
    ['The answer is $\\frac{3}{4}$.', '\\frac{3}{4}'],
    ['The answer is 3.5. Done', '3.5'],
    ['\\boxed{}', null],
    ['No idea', null],
  ])('of %j is %j', (text, answer) => {
    expect(mathAnswer(text)).toBe(answer);
  });
});

describe('isSameMath', () => {
  it.each([
    ['\\dfrac{1}{2}', '\\frac12'],
    ['1/2', '\\frac{1}{2}'],
    ['0.5', '\\frac{1}{2}'],
    ['-\\frac{1}{2}', '-.5'],
    ['\\frac{-1}{2}', '-\\frac12'],
    ['1\\frac{1}{2}', '1.5'],
    ['10{,}000', '10000'],
    ['1,234,567', '1234567'],
    ['\\$12.50', '12.5'],
    ['50\\%', '50'],
    ['90^\\circ', '90'],
    ['90^{\\circ}', '90'],
    ['5\\text{ cm}', '5'],
    ['5 \\mbox{ inches}^2', '5'],
    ['\\text{Tuesday}', 'Tuesday'],
    ['\\left( 3, \\frac{\\pi}{2} \\right)', '(3,\\frac{\\pi}{2})'],
    ['(0.5, 2)', '\\left(\\frac{1}{2},2\\right)'],
    ['1, 2', '1,2.0'],
    ['x = 5', '5'],
    ['\\sqrt2', '\\sqrt{2}'],
    ['x^{2}', 'x^2'],
    ['2\\cdot 3', '2 \\times 3'],
    ['(-\\infty, 3]', '(-\\infty,3]'],
    ['y \\in [1,2]', '[1,2]'],
  ])('%j is %j', (a, b) => {
    expect(isSameMath(a, b)).toBe(true);
    expect(isSameMath(b, a)).toBe(true);
  });

  it.each([
    ['1', '2'],
    ['\\frac{1}{2}', '\\frac{1}{3}'],
    ['(1,2]', '[1,2]'],
    ['(1,2)', '(1,2,3)'],
    ['(1,2)', '(2,1)'],
    ['\\sqrt{2}', '2'],
    ['x', 'y'],
    ['\\frac{1}{0}', '1'],
  ])('%j is not %j', (a, b) => {
    expect(isSameMath(a, b)).toBe(false);
  });
});
