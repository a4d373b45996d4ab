import type { ReasoningStyle } from './run.ts';
import { countSteps } from './steps.ts';

export const REASONING_STYLES = [
  'stepwise',
  'strategy',
  'causal',
  'deduction',
  'analogy',
] as const satisfies readonly ReasoningStyle[];

/**
 * Marks of each style, counted; a mark is a word or layout that the style's definition (arXiv 2507.08799, style transfer)
 * asks for. `heads` open a section and weigh as two marks.
 */
const marks: Readonly<Record<Exclude<ReasoningStyle, 'stepwise'>, { heads: RegExp; words: RegExp }>> = {
  strategy: {
    heads: /(?:^|[.\n]\s*)\W*(?:strategy|plan|approach|execution|solution)\W*:/gi,
    words: /\b(?:the strategy is|my (?:plan|strategy|approach)|first,? (?:i|we) plan)\b/gi,
  },
  causal: {
    heads: /(?:^|[.\n]\s*)\W*(?:cause|effect|because)\b/gi,
    words:
      /\b(?:because|therefore|thus|hence|consequently|as a result|which (?:means|leads to|causes)|leads? to|causes?)\b|→|=>/gi,
  },
  deduction: {
    heads: /(?:^|[.\n]\s*)\W*(?:premise|given|rule|fact|inference|deduction|conclusion)s?\s*\d*\W*:/gi,
    words:
      /\[(?:premise|given|rule|fact|inference|deduction|conclusion)[^\]]*\]|\b(?:it follows that|by definition|we (?:deduce|infer))\b/gi,
  },
  analogy: {
    heads: /(?:^|[.\n]\s*)\W*(?:analogy|analogous case|comparison)\W*:/gi,
    words:
      /\b(?:analog(?:y|ous)|similar(?:ly)? to|is like|just (?:like|as)|think of (?:it|this) as|imagine|compare (?:it|this) to|as if)\b/gi,
  },
};

/** Fewer marks are chance: any text says "because" once. */
const LEAST_MARKS = 2;

/**
 * The style in which an answer reasons, by counting marks: numbered steps for `stepwise` (`countSteps`), for the others
 * the headings and words above (a heading counts as two). The most wins, at least two; a tie goes to the first of stepwise, strategy,
 * deduction, analogy, causal, as the words of the last stand in any text. Null: no style. Rules, not judgement: a text about causes can count as causal.
 */
export function styleOf(text: string): ReasoningStyle | null {
  let best: ReasoningStyle | null = null;
  let most = LEAST_MARKS - 1;
  const consider = (style: ReasoningStyle, count: number) => {
    if (count > most) [best, most] = [style, count];
  };
  consider('stepwise', countSteps(text));
  for (const style of ['strategy', 'deduction', 'analogy', 'causal'] as const) {
    const { heads, words } = marks[style];
    consider(style, 2 * (text.match(heads)?.length ?? 0) + (text.match(words)?.length ?? 0));
  }
  return best;
}
