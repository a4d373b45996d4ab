import { createHash } from 'node:crypto';
import { InvalidArgumentError } from '../errors.ts';
import type { Question } from './question.ts';
import { questionKey } from './question-key.ts';

export interface SplitOptions {
  /** How much goes to validation: a share (above 0, below 1) or a number of questions (from 1). */
  readonly validation: number;
  /** Other seeds give other splits. Default 0. */
  readonly seed?: number;
}

export interface QuestionSplit {
  readonly train: readonly Question[];
  readonly validation: readonly Question[];
}

/**
 * Divides questions into two parts that share no text ({@link questionKey}), each in the order given. Which question
 * goes where is decided by its text and the seed alone, so the order and other rows hardly matter: adding a question
 * moves at most the ones at the border.
 *
 * Validation is filled up to the size asked for; it stays smaller only where the next questions are copies of one
 * another and do not fit together.
 *
 * @throws InvalidArgumentError where a part would be empty or the size is out of range.
 */
export function splitQuestions(
  questions: readonly Question[],
  { validation, seed = 0 }: SplitOptions,
): QuestionSplit {
  const isShare = validation > 0 && validation < 1;
  if (!isShare && !(Number.isSafeInteger(validation) && validation >= 1)) {
    throw new InvalidArgumentError(
      'validation',
      `validation must be a share between 0 and 1 or a whole number of questions; it is ${validation}.`,
    );
  }
  const size = isShare ? Math.round(questions.length * validation) : validation;
  const keys = questions.map(({ question }) => questionKey(question));
  const copies = new Map<string, number>();
  for (const key of keys) copies.set(key, (copies.get(key) ?? 0) + 1);
  const ranked = [...copies.keys()].map((key) => ({ key, rank: rankOf(key, seed) }));
  ranked.sort((a, b) => (a.rank < b.rank ? -1 : 1));
  const chosen = new Set<string>();
  let filled = 0;
  for (const { key } of ranked) {
    if (filled + copies.get(key)! > size) continue;
    filled += copies.get(key)!;
    chosen.add(key);
  }
  const part = (inValidation: boolean) => questions.filter((_, i) => chosen.has(keys[i]!) === inValidation);
  const split = { train: part(false), validation: part(true) };
  if (split.train.length > 0 && split.validation.length > 0) return split;
  throw new InvalidArgumentError(
    'validation',
    `${size} of ${questions.length} questions cannot be set aside so that both parts hold some and share no text.`,
  );
}

function rankOf(key: string, seed: number): string {
  return createHash('sha256').update(`${seed}\n${key}`).digest('hex');
}
