import { describe, expect, it } from 'vitest';
import type { Question } from '../data/question.ts';
import type { ScorerName } from './run.ts';
import { scorerFor, scorers } from './scorers.ts';

const question = (answer: string, choices: readonly string[] | null = null) =>
  ({
    id: 'q',
    question: 'Q?',
    choices,
    answer,
    rationale: null,
    source: null,
    licence: null,
  }) satisfies Question;
const verdict = (
  name: ScorerName,
  text: string,
  answer: string,
  choices: readonly string[] | null = null,
) => {
  const asked = question(answer, choices);
  const found = scorers[name].found(text, asked);
  return found === null ? 'nothing' : scorers[name].isRight(found, asked) ? 'right' : 'wrong';
};

describe('number', () => {
  it.each([
    ['So 3 + 4 = 7 pens. The answer is 7.', '7', 'right'],
    ['The answer is 7. No, wait: the answer is 8.', '7', 'wrong'],
    ['It costs $1,250.50', '1250.5', 'right'],
    ['48/2 = 24\n#### 24', '24', 'right'],
    ['#### 24 and then 5 more', '24', 'right'],
    ['\\boxed{-3} of 10', '-3', 'right'],
    ['He has 5 and then 12 apples.', '12', 'right'],
    ['It is 12.0', '12', 'right'],
    ['It is 12', '1,200%', 'wrong'],
    ['I do not know.', '12', 'nothing'],
    ['', '12', 'nothing'],
    ['x12 v1.5', '12', 'nothing'],
  ])('%j for %j is %s', (text, answer, expected) => {
    expect(verdict('number', text, answer)).toBe(expected);
  });
});

describe('choice', () => {
  const choices = ['iron', 'a magnet', 'wood', 'the sun'];
  it.each([
    ['The answer is B.', 'right'],
    ['Answer: (B)', 'right'],
    ['the correct answer is **B) a magnet**', 'right'],
    ['The correct choice is: A\nBut the answer is B', 'right'],
    ['B) a magnet, because it attracts iron', 'right'],
    ['(B)', 'right'],
    ['B', 'right'],
    ['The answer is a magnet.', 'right'],
    ['a magnet', 'right'],
    ['\\boxed{\\text{B}}', 'right'],
    ['The answer is D.', 'wrong'],
    ['The answer is the sun.', 'wrong'],
    ['A magnet attracts iron.', 'nothing'],
    ['Because of this, everything Burns.', 'nothing'],
    ['The answer is E.', 'nothing'],
    ['The answer is A magnet.', 'right'],
    ['', 'nothing'],
  ])('%j is %s', (text, expected) => {
    expect(verdict('choice', text, 'B', choices)).toBe(expected);
  });
});

describe('yes-no', () => {
  it.each([
    ['Yes, he could.', 'yes', 'right'],
    ['No.', 'yes', 'wrong'],
    ['He was born later. The answer is no.', 'no', 'right'],
    ['Yes? Hardly. So the answer is: no', 'no', 'right'],
    ['True, that is so', 'yes', 'right'],
    ['It is not known. Nobody knows.', 'no', 'nothing'],
  ])('%j for %s is %s', (text, answer, expected) => {
    expect(verdict('yes-no', text, answer)).toBe(expected);
  });
});

describe('text', () => {
  it.each([
    ['The answer is The Red Door.', 'red door', 'right'],
    ['Red door!', 'red door', 'right'],
    ['blue', 'red door', 'wrong'],
    ['  ', 'red door', 'nothing'],
  ])('%j for %j is %s', (text, answer, expected) => {
    expect(verdict('text', text, answer)).toBe(expected);
  });
});

it.each([
  [[question('B', ['x', 'y'])], 'choice'],
  [[question('yes'), question('no')], 'yes-no'],
  [[question('7'), question('-1,200.5')], 'number'],
  [[question('7'), question('\\frac{1}{2}')], 'math'],
  [[question('7'), question('seven')], 'text'],
] as const)('questions %# take the scorer %s', (questions, name) => {
  expect(scorerFor(questions)).toBe(name);
});
