import type { Question } from './question.ts';
import { questionKey } from './question-key.ts';

/** A training question whose text is in the test set as well. */
export interface OverlappingQuestion {
  readonly train: Question;
  /** The first test question of that text. */
  readonly test: Question;
}

export interface WithoutOverlap {
  /** The training questions that are left, in order. */
  readonly train: readonly Question[];
  /** Those that were taken out, in order. */
  readonly overlap: readonly OverlappingQuestion[];
}

/**
 * Takes out of a training set what is in a test set: the same text by {@link questionKey}, whatever the choices and
 * answers. What a vector is extracted from must not be what it is measured on.
 */
export function removeOverlap(train: readonly Question[], test: readonly Question[]): WithoutOverlap {
  const held = new Map<string, Question>();
  for (const question of test) {
    const key = questionKey(question.question);
    if (!held.has(key)) held.set(key, question);
  }
  const left: Question[] = [];
  const overlap: OverlappingQuestion[] = [];
  for (const question of train) {
    const same = held.get(questionKey(question.question));
    if (same === undefined) left.push(question);
    else overlap.push({ train: question, test: same });
  }
  return { train: left, overlap };
}
