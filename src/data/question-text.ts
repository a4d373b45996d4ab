import type { Question } from './question.ts';

/** A question as it is put to the model: its text; where there are choices, one a line below, `A) ...`. */
export function questionText({ question, choices }: Pick<Question, 'question' | 'choices'>): string {
  if (choices === null) return question;
  return [question, ...choices.map((choice, i) => `${String.fromCharCode(65 + i)}) ${choice}`)].join('\n');
}
