import { createHash } from 'node:crypto';
import { closingSentence } from '../data/final-answer.ts';
import type { Question } from '../data/question.ts';
import { questionText } from '../data/question-text.ts';
import type { ChatMessage } from '../engine/engine.ts';
import { examples, type StyleName, styles } from './styles.ts';
import type { TeacherRequest } from './teacher.ts';

/** A question whose answer is known, so that a trace can be checked. */
export type AnsweredQuestion = Question & { readonly answer: string };

/** What was wrong with an attempt: its answer, its form, or its length. */
export type Fault = 'wrong' | 'form' | 'cut';

/** Greedy first; then drawn, as the same request would only bring the same answer. */
const temperatures = [0, 0.7, 1] as const;

const rules =
  'You write worked solutions from which a small language model learns how to reason. Solve the question and write the solution in exactly this style.';

const conventions = `Rules:
- Begin with the reasoning at once: no greeting, no repetition of the question, no heading, no remark about the style.
- Show every calculation with its numbers and its result, e.g. 3 * 4 = 12.
- Plain text only: no Markdown, no LaTeX, no blank lines.
- Use short, complete sentences, and at most 200 words in all.
- Do not say the closing sentence before the reasoning has reached it.`;

/**
 * What the teacher is asked at the nth attempt, from 1. A later attempt is drawn at a higher temperature and told what was
 * wrong with the one before, but never what it answered; where there are only two answers, that it was wrong would give
 * the other away, so nothing is said.
 *
 * @param previous what was wrong with the attempt before; null at the first.
 */
export function traceRequest(
  question: AnsweredQuestion,
  style: StyleName,
  { attempt, previous, maxTokens }: { attempt: number; previous: Fault | null; maxTokens: number },
): TeacherRequest {
  const messages: ChatMessage[] = [
    { role: 'system', content: instructions(style, isNumeric(question)) },
    {
      role: 'user',
      content: [questionText(question), closing(question), note(question, style, previous)]
        .filter((part) => part !== '')
        .join('\n\n'),
    },
  ];
  const seed = createHash('sha256')
    .update(JSON.stringify([attempt, messages]))
    .digest()
    .readUInt32LE(0);
  const temperature = temperatures[Math.min(attempt, temperatures.length) - 1]!;
  return { messages, maxTokens, temperature, seed };
}

/** Identifies all that is asked in a style, whatever the question: 16 hex digits of a SHA-256. */
export function promptHash(style: StyleName, maxTokens: number): string {
  const all = [
    [true, false].map((numeric) => instructions(style, numeric)),
    Object.values(answerForms),
    [notes.wrong, notes.cut, notes.form(style)],
    temperatures,
    maxTokens,
  ];
  return createHash('sha256').update(JSON.stringify(all)).digest('hex').slice(0, 16);
}

function instructions(style: StyleName, numeric: boolean): string {
  const { description, numberExample, choiceExample } = styles[style];
  const { question, answer } = numeric ? examples.number : examples.choice;
  const solution = `${numeric ? numberExample : choiceExample}\n${closingSentence(answer)}`;
  return `${rules}\n\nStyle: ${description}\n\n${conventions}\n\nExample question:\n${question}\n\nIts solution in this style:\n${solution}`;
}

const answerForms = {
  number: 'the number alone, in digits, without a unit or currency sign',
  choice: 'the letter of the right choice alone',
  'yes-no': 'yes or no',
  text: 'the answer alone, in as few words as can be',
} as const;

function closing(question: AnsweredQuestion): string {
  return `End with a line that reads exactly "${closingSentence('X')}", where X is ${answerForms[kindOf(question)]}.`;
}

function kindOf(question: AnsweredQuestion): keyof typeof answerForms {
  if (question.choices !== null) return 'choice';
  if (/^(?:yes|no)$/.test(question.answer)) return 'yes-no';
  return isNumeric(question) ? 'number' : 'text';
}

function isNumeric({ choices, answer }: AnsweredQuestion): boolean {
  return choices === null && /^[$€£]?-?\d[\d,]*(?:\.\d+)?%?$/.test(answer.trim());
}

const notes = {
  wrong:
    'An earlier attempt at this question ended in a wrong answer. Read the question again slowly, solve it afresh, and check each step.',
  cut: 'An earlier attempt was cut off because it was too long. Use at most 120 words.',
  form: (style: StyleName) =>
    `An earlier attempt did not keep to the form. The solution must have ${styles[style].reminder}; then the closing line, and nothing after it.`,
} as const;

function note(question: AnsweredQuestion, style: StyleName, previous: Fault | null): string {
  if (previous === null) return '';
  if (previous === 'form') return notes.form(style);
  if (previous === 'cut') return notes.cut;
  const isTwoWay = question.choices?.length === 2 || kindOf(question) === 'yes-no';
  return isTwoWay ? '' : notes.wrong;
}
