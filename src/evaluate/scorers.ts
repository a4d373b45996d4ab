import { finalNumber, isRightAnswer, statedAnswer } from '../data/final-answer.ts';
import type { Question } from '../data/question.ts';
import { isSameMath, mathAnswer } from './math-answer.ts';
import type { ScorerName } from './run.ts';

/** Takes an answer out of a text and holds it against the question's. */
export interface Scorer {
  /** What the text answers; null where it does not say. */
  found(text: string, question: Question): string | null;
  /** @param answer as `found` gave it. @param question with an answer. */
  isRight(answer: string, question: Question & { readonly answer: string }): boolean;
}

/**
 * - `number`: the last "The answer is N"; else what follows the last `####`, else the last `\boxed{N}`, else the last number
 *   at all. Compared as numbers.
 * - `choice`: the choice whose text the last "The answer is ..." repeats; else the letter of the last "answer (choice, option) is
 *   B" or "Answer: B"; else a text that begins with the letter ("B) ..."), or is a choice's text. Words around it do not count.
 * - `yes-no`: yes or no after the last "The answer is"; else the first word of the text.
 * - `math`: see `mathAnswer` and `isSameMath`.
 * - `text`: the last "The answer is ...", else the whole text; compared as words, without capitals and punctuation.
 */
export const scorers: Readonly<Record<ScorerName, Scorer>> = {
  number: {
    found: (text) => numberIn(text)?.toString() ?? null,
    isRight: (answer, { answer: gold }) => Number(answer) === goldNumber(gold),
  },
  choice: {
    found: (text, { choices }) => letterIn(text, choices ?? []),
    isRight: (answer, { answer: gold }) => answer === gold,
  },
  'yes-no': {
    found: (text) => yesNoIn(text),
    isRight: (answer, { answer: gold }) => answer === gold.toLowerCase(),
  },
  math: {
    found: (text) => mathAnswer(text),
    isRight: (answer, { answer: gold }) => isSameMath(answer, gold),
  },
  text: {
    found: (text) => statedAnswer(text)?.answer ?? (text.trim() || null),
    isRight: (answer, { answer: gold, choices }) => isRightAnswer(answer, gold, choices),
  },
};

/** The scorer that fits every question: choices; yes or no; numbers; LaTeX; else words. */
export function scorerFor(questions: readonly Question[]): ScorerName {
  const all = (test: (answer: string) => boolean) =>
    questions.every(({ answer }) => answer === null || test(answer));
  if (questions.every(({ choices }) => choices !== null)) return 'choice';
  if (all((answer) => /^(?:yes|no)$/i.test(answer))) return 'yes-no';
  if (all((answer) => Number.isFinite(goldNumber(answer)))) return 'number';
  return questions.some(({ answer }) => answer !== null && /[\\^$]|\d\/\d/.test(answer)) ? 'math' : 'text';
}

function goldNumber(gold: string): number {
  const digits = gold
    .trim()
    .replace(/^([-]?)[$€£]/, '$1')
    .replaceAll(',', '')
    .replace(/%$/, '');
  return /^-?(?:\d+\.?\d*|\.\d+)$/.test(digits) ? Number(digits) : Number.NaN;
}

function numberIn(text: string): number | null {
  const stated = finalNumber(text);
  if (stated !== null) return stated;
  const numeral = String.raw`(-?)[$€£]?\s?(-?\d[\d,]*(?:\.\d+)?)`;
  for (const pattern of [
    `####\\s*${numeral}`,
    `\\\\boxed\\s*\\{\\s*\\\\?${numeral}`,
    `(?<![\\w.])${numeral}`,
  ]) {
    const found = [...text.matchAll(new RegExp(pattern, 'g'))].at(-1);
    if (found) return Number(found[1]! + found[2]!.replaceAll(',', ''));
  }
  return null;
}

/** "A" before another word is an article, unless the word goes on to give a reason. */
const ARTICLE = String.raw`(?!(?<=A)\s+(?!because|since|as|and|is|so|for|which)[a-z])`;

function letterIn(text: string, choices: readonly string[]): string | null {
  const same = (words: string) => {
    const at = choices.findIndex((choice) => isRightAnswer(words, choice, null));
    return at < 0 ? null : String.fromCharCode(65 + at);
  };
  const stated = statedAnswer(text);
  const repeated = stated && same(stated.answer);
  if (repeated) return repeated;
  const last = String.fromCharCode(64 + choices.length);
  const letter = String.raw`[*_"'(\[{\s]*([A-${last}])(?![A-Za-z'’])${ARTICLE}`;
  const lead = String.raw`\b(?:[Aa]nswer|ANSWER|[Cc]hoice|[Oo]ption)\s*(?:is|would be|:|=)\s*:?(?:\s*(?:the\s+)?(?:choice|option|letter))?`;
  const box = String.raw`\\boxed\s*\{(?:\\text\s*\{)?`;
  const said = [...text.matchAll(new RegExp(`(?:${lead}|${box})${letter}`, 'g'))].at(-1)?.[1];
  const begins = new RegExp(`^[*_"'(\\[\\s]*([A-${last}])[*_"']*(?:[).:\\]]|\\s*$)`).exec(text)?.[1];
  return said ?? begins ?? same(text);
}

function yesNoIn(text: string): string | null {
  const word = /^\W*(yes|no|true|false)\b/i;
  const stated = statedAnswer(text);
  const said = (stated && word.exec(stated.answer)?.[1]) ?? word.exec(text)?.[1];
  if (said === undefined || said === null) return null;
  return /^(?:yes|true)$/i.test(said) ? 'yes' : 'no';
}
