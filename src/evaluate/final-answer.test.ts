import { expect, it } from 'vitest';
import { finalNumber } from './final-answer.ts';

it.each([
  ['Step 1: 7 * 31 = 217 points. The answer is 217.', 217],
  ['The answer is 3. No: the answer is 4.', 4],
  ['The answer is $1,250.50 in all.', 1250.5],
  ['The answer is -7.', -7],
  ['The answer is 12,', 12],
  ['The answer is unknown. 42', null],
  ['', null],
])('%j says %s', (text, number) => {
  expect(finalNumber(text)).toBe(number);
});
