/** Rules about how an answer is written. */
import { describe, expect, it } from 'vitest';
import { isDegenerate } from './degenerate.ts';
import { countSteps } from './steps.ts';
import { styleOf } from './style.ts';

describe('isDegenerate', () => {
  const sentence = 'The number of pens is the number of pens. ';
  it.each([
    ['one word over and over', `It is ${'very '.repeat(30)}`],
    ['a sentence four times', `First. ${sentence.repeat(4)}`],
    ['a loop that was cut off', `${sentence.repeat(4)}The number of`],
    ['one character', '0'.repeat(48)],
    ['a loop over lines', '1 + 1 = 2\n\n'.repeat(8)],
  ])('%s is', (_, text) => {
    expect(isDegenerate(text)).toBe(true);
  });

  it.each([
    ['a sentence three times', sentence.repeat(3)],
    ['emphasis', 'No no no no!'],
    ['a loop that was left', `${sentence.repeat(6)}So the answer is 7.`],
    ['a list of similar lines', Array.from({ length: 20 }, (_, i) => `Step ${i}: add ${i} pens.`).join('\n')],
    ['a normal answer', 'Step 1: 7 * 31 = 217 points. Step 2: 217 - 61 = 156 points. The answer is 156.'],
    ['nothing', ''],
  ])('%s is not', (_, text) => {
    expect(isDegenerate(text)).toBe(false);
  });
});

it.each([
  ['Step 1: a. Step 2: b. The answer is 3.', 2],
  ['1. First\n2. Second\n10) Tenth', 3],
  ['**Step 1:** x\n**Step 2.** y', 2],
  ['Step 1 and step 2 are easy.', 0],
  ['It costs 3.50\n1.5 m of rope', 0],
  ['', 0],
])('%j has %i steps', (text, steps) => {
  expect(countSteps(text)).toBe(steps);
});

it.each([
  ['Step 1: 7 * 3 = 21. Step 2: 21 - 1 = 20. The answer is 20.', 'stepwise'],
  ['Strategy: multiply, then add. Execution: 2 * 3 = 6, 6 + 1 = 7. The answer is 7.', 'strategy'],
  ['Because 2 * 3 = 6, therefore 6 + 1 = 7. The answer is 7.', 'causal'],
  ['Premise 1: all men are mortal.\nPremise 2: he is a man.\nConclusion: he is mortal.', 'deduction'],
  ['Think of it as water in a pipe. The current is like the flow.', 'analogy'],
  ['Let a = 2 * 3 = 6; b = 6 + 1 = 7. The answer is 7.', null],
  ['It is 7, because 6 + 1 = 7.', null],
  ['', null],
] as const)('%j is %s', (text, style) => {
  expect(styleOf(text)).toBe(style);
});
