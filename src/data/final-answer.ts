import type { Question } from './question.ts';

/** The words that close a worked answer: `The answer is 72.` */
export function closingSentence(answer: string): string {
  return `The answer is ${answer}.`;
}

/** What the last "The answer is ..." of a text says, and where that sentence begins and ends. */
export interface StatedAnswer {
  /** Without emphasis, brackets and the full stop. */
  readonly answer: string;
  /** Indices into the text. */
  readonly start: number;
  readonly end: number;
}

// To the end of the sentence: a full stop inside a number ends none.
const sentence =
  /[*_]*\bthe (?:final |correct )?answer is\b:?[ \t]*([^\n]*?)(?:[.!](?![\dA-Za-z])[*_"')\]]*|(?=\n)|$)/gi;

/** The last closing sentence of a text, or null where it has none that says anything. */
export function statedAnswer(text: string): StatedAnswer | null {
  const found = [...text.matchAll(sentence)].at(-1);
  if (found === undefined) return null;
  const answer = bare(found[1]!);
  return answer === '' ? null : { answer, start: found.index, end: found.index + found[0].length };
}

/**
 * The number that an answer ends with: of the last "The answer is N.", or null where it says none. Thousands commas
 * and a leading currency sign are dropped; `1.50` and `1.5` are the same number.
 */
export function finalNumber(text: string): number | null {
  const stated = statedAnswer(text);
  return stated === null ? null : leadingNumber(stated.answer);
}

/**
 * Whether a stated answer is the question's own: the same number (units after it are let be), the same letter or that
 * choice's text, the same yes or no, or else the same words.
 *
 * @param gold the question's answer; it must be known.
 */
export function isRightAnswer(stated: string, gold: string, choices: Question['choices']): boolean {
  if (choices !== null && /^[A-Z]$/.test(gold)) {
    const letter = /^[([]?([A-Z])(?:[)\].:,]|\s|$)/.exec(stated)?.[1];
    const own = choices[gold.charCodeAt(0) - 65];
    if (own !== undefined && words(stated) === words(own)) return true;
    return letter === gold;
  }
  if (/^[$€£]?-?\d[\d,]*(?:\.\d+)?%?$/.test(gold.trim())) {
    return leadingNumber(stated) === leadingNumber(gold.trim());
  }
  const [first] = words(stated).split(' ');
  if (gold === 'yes' || gold === 'no') return first === gold;
  return words(stated) === words(bare(gold));
}

/** The number that a text begins with, a currency sign before it let be; null where it begins otherwise. */
function leadingNumber(text: string): number | null {
  const found = /^(-?)[$€£]?\s?(-?\d[\d,]*(?:\.\d+)?)(?![\d/])/.exec(text);
  return found === null ? null : Number(found[1]! + found[2]!.replaceAll(',', ''));
}

/** Without what typesetting puts around an answer: `**72**`, `$72$`, `\boxed{72}`, `"72"`. */
function bare(text: string): string {
  const plain = text.trim().replace(/\\(?:boxed|text)\{([^{}]*)\}/g, '$1');
  return plain
    .replace(/^[*_`"'\s]+|[*_`"'\s]+$/g, '')
    .replace(/^\$(.*)\$$/, '$1')
    .trim();
}

function words(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, ' ')
    .trim()
    .replace(/^(?:an?|the) /, '');
}
