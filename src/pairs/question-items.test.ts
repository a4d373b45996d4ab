import { expect, it } from 'vitest';
import type { Question } from '../data/question.ts';
import { questionItems } from './question-items.ts';

const question: Question = {
  id: 'q',
  question: 'Which rusts?',
  choices: ['iron', 'gold'],
  answer: 'A',
  rationale: ['Iron takes up oxygen.', 'Gold does not.'],
  source: null,
  licence: null,
};

it('makes items of the questions that have a solution and an answer, and counts the others', () => {
  const { items, leftOut } = questionItems([
    question,
    { ...question, rationale: null },
    { ...question, rationale: [] },
    { ...question, answer: null },
    { ...question, choices: null, answer: 'iron' },
  ]);
  expect(items).toEqual([
    { question: 'Which rusts?\nA) iron\nB) gold', steps: question.rationale, answer: 'A' },
    { question: 'Which rusts?', steps: question.rationale, answer: 'iron' },
  ]);
  expect(leftOut).toBe(3);
});
