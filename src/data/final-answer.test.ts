import { describe, expect, it } from 'vitest';
import { finalNumber, isRightAnswer, statedAnswer } from './final-answer.ts';

it.each([
  ['Step 1: 7 * 31 = 217 points. The answer is 217.', 217],
  ['The answer is 3. No: the answer is 4.', 4],
  ['The answer is $1,250.50 in all.', 1250.5],
  ['The answer is -7.', -7],
  ['The answer is 12,', 12],
  ['The answer is unknown. 42', null],
  ['The answer is 1/2.', null],
  ['The answer is **-$5**.', -5],
  ['', null],
])('%j says %s', (text, number) => {
  expect(finalNumber(text)).toBe(number);
});

describe('statedAnswer', () => {
  it.each([
    ['So it is warm.\n**The answer is B.**', 'B'],
    ['The answer is (C) the dry palm. Because of friction.', '(C) the dry palm'],
    ['the final answer is: \\boxed{72}', '72'],
    ['The answer is 3.14', '3.14'],
    ['The answer is $12$!', '12'],
    ['The answer is yes\nand so on', 'yes'],
  ])('of %j', (text, answer) => {
    expect(statedAnswer(text)?.answer).toBe(answer);
  });

  it('says where the sentence is, emphasis included', () => {
    const text = 'Warm. **The answer is B.** Bye.';
    const { start, end } = statedAnswer(text)!;
    expect([text.slice(0, start), text.slice(end)]).toEqual(['Warm. ', ' Bye.']);
  });

  it('is null where nothing is stated', () => {
    for (const text of ['It is 7.', 'The answer is .', 'The answer is', 'The answer isolates']) {
      expect(statedAnswer(text)).toBeNull();
    }
  });
});

describe('isRightAnswer', () => {
  const choices = ['dry palms', 'wet palms', 'A bear'];
  it.each([
    ['72', '72', null, true],
    ['72.00 dollars', '72', null, true],
    ['$1,250', '1250', null, true],
    ['720', '72', null, false],
    ['7', '72', null, false],
    ['72/3', '72', null, false],
    ['about 72', '72', null, false],
    ['A', 'A', choices, true],
    ['(A) dry palms', 'A', choices, true],
    ['A: dry palms', 'A', choices, true],
    ['dry palms', 'A', choices, true],
    ['a bear', 'C', choices, true],
    ['A bear', 'C', choices, true],
    ['B', 'A', choices, false],
    ['wet palms', 'A', choices, false],
    ['Another', 'A', choices, false],
    ['Yes', 'yes', null, true],
    ['yes, they are', 'yes', null, true],
    ['no', 'yes', null, false],
    ['not known', 'no', null, false],
    ['The River Nile', 'river nile', null, true],
    ['the Rhine', 'Nile', null, false],
    ['Evelyn', '\\text{Evelyn}', null, true],
  ])('%j for %j of %j: %s', (stated, gold, from, right) => {
    expect(isRightAnswer(stated, gold, from)).toBe(right);
  });
});
