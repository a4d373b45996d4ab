import { isRightAnswer, statedAnswer } from '../data/final-answer.ts';
import { type StyleName, styles } from './styles.ts';
import type { AnsweredQuestion, Fault } from './trace-request.ts';

/** The reasoning of a trace, without its closing sentence; or what is wrong with it. */
export type ReadTrace = { readonly reasoning: string } | { readonly fault: Fault };

/**
 * Reads an answer of the teacher: its closing sentence must state the question's answer, and the reasoning before it must be
 * there and, with a style, of its form. What follows the closing sentence, and a thinking block before it all, is dropped.
 *
 * @param style null: any form will do, e.g. a person's.
 */
export function readTrace(
  { text, isCut }: { readonly text: string; readonly isCut: boolean },
  question: AnsweredQuestion,
  style: StyleName | null,
): ReadTrace {
  if (isCut) return { fault: 'cut' };
  const plain = text.replace(/^\s*<think>[\s\S]*?<\/think>/, '').replace(/\r\n?/g, '\n');
  const stated = statedAnswer(plain);
  if (stated === null) return { fault: 'form' };
  if (!isRightAnswer(stated.answer, question.answer, question.choices)) return { fault: 'wrong' };
  const reasoning = tidied(plain.slice(0, stated.start));
  if (!/\p{L}{2}/u.test(reasoning)) return { fault: 'form' };
  return style !== null && !styles[style].form.test(reasoning) ? { fault: 'form' } : { reasoning };
}

/** Without blanks at the ends of lines, blank lines, and the emphasis that chat models put around words. */
function tidied(text: string): string {
  return text
    .replace(/\*\*([^*\n]+)\*\*/g, '$1')
    .replace(/[^\S\n]+$/gm, '')
    .replace(/\n{2,}/g, '\n')
    .trim();
}
