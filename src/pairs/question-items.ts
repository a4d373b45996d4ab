import type { Question } from '../data/question.ts';
import { questionText } from '../data/question-text.ts';
import type { PairItem } from './item.ts';

export interface QuestionItems {
  readonly items: readonly PairItem[];
  /** Questions without a worked solution or an answer, which no pair can be made of. */
  readonly leftOut: number;
}

/** The questions that have a worked solution and an answer, as what contrastive pairs are made of. */
export function questionItems(questions: readonly Question[]): QuestionItems {
  const items = questions.flatMap((question) => {
    const { answer, rationale } = question;
    if (answer === null || rationale === null || rationale.length === 0) return [];
    return [{ question: questionText(question), steps: rationale, answer }];
  });
  return { items, leftOut: questions.length - items.length };
}
