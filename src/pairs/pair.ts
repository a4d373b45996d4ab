import type { ChatMessage, Tokenizer } from '../engine/engine.ts';
import { InvalidArgumentError } from '../errors.ts';
import { chatText } from './chat-text.ts';
import { type Offset, offsetTokenId } from './offset-token.ts';

/** One of the two prompts of a pair. */
export interface PairSide {
  /** Templated text, without the offset token. */
  readonly text: string;
  /** What the model reads: the text's ids, then the offset token if there is one. */
  readonly tokens: readonly number[];
  /** Index into `tokens` whose key and value are taken. */
  readonly position: number;
}

export interface PairSource {
  /** Whose question is asked. */
  readonly item: number;
  /** Whose turns both sides show, in this order. */
  readonly examples: readonly number[];
  /** Whose turns stand before them, on one side, to make it as long as the other. */
  readonly padding?: Readonly<Record<'positive' | 'negative', readonly number[]>>;
}

/** Two prompts that differ in the trait that the vector shall carry, and end alike. */
export interface ContrastivePair {
  readonly positive: PairSide;
  readonly negative: PairSide;
  /** Extraction position counted from the end of `tokens`; 1 is the last token. The same on both sides. */
  readonly positionFromEnd: number;
  /** Id appended to both sides, or null. */
  readonly offsetToken: number | null;
  /** Where it came from: indices into the items that the pair was built from. */
  readonly source?: PairSource;
}

export interface PairOptions {
  readonly tokenizer: Tokenizer;
  /** Extraction position from the end, 1 (default) = last token (of the offset token, where one is appended). */
  readonly position?: number;
  /** Appended to both sides before extraction. Default null: none, as published. */
  readonly offset?: Offset;
}

/**
 * Full templated text (special tokens written out), or messages, which get the template and its generation prompt.
 */
export type PairPrompt = string | readonly ChatMessage[];

/**
 * A pair from two prompts.
 *
 * Both sides must have the same token at the extraction position: the difference of two *different* tokens' keys and
 * values is dominated by which tokens they are. End both sides alike, e.g. with the generation prompt.
 *
 * @param where names the pair in messages, e.g. `pair 3`.
 * @throws InvalidArgumentError for identical or empty sides, a position outside either side, different tokens
 * there, messages for a model without chat template, or an offset that is not one token.
 */
export function makePair(
  positive: PairPrompt,
  negative: PairPrompt,
  { tokenizer, position = 1, offset = null }: PairOptions,
  where = 'pair',
): ContrastivePair {
  if (!Number.isSafeInteger(position) || position < 1) {
    throw new InvalidArgumentError(
      'position',
      `The extraction position is counted from the end: an integer >= 1, not ${position}.`,
    );
  }
  const offsetToken = offsetTokenId(offset, tokenizer);
  const side = (prompt: PairPrompt, name: string): PairSide => {
    const text = promptText(prompt, tokenizer, `${where}, ${name} side`);
    const tokens = tokenizer.encode(text);
    if (tokens.length === 0) {
      throw new InvalidArgumentError('pairs', `${where}: the ${name} side is empty. Give it a text.`);
    }
    if (offsetToken !== null) tokens.push(offsetToken);
    if (position > tokens.length) {
      throw new InvalidArgumentError(
        'pairs',
        `${where}: position ${position} from the end is outside the ${name} side's ${tokens.length} tokens.`,
      );
    }
    return { text, tokens, position: tokens.length - position };
  };
  const pair = {
    positive: side(positive, 'positive'),
    negative: side(negative, 'negative'),
    positionFromEnd: position,
    offsetToken,
  };
  requireContrast(pair, tokenizer, where);
  return pair;
}

/** @throws InvalidArgumentError for messages where the model has no chat template, or its template refuses them. */
export function promptText(prompt: PairPrompt, tokenizer: Tokenizer, where: string): string {
  return typeof prompt === 'string' ? prompt : chatText(prompt, tokenizer, 'pairs', `${where}: `);
}

function requireContrast({ positive, negative }: ContrastivePair, tokenizer: Tokenizer, where: string): void {
  const upTo = ({ tokens, position }: PairSide) => tokens.slice(0, position + 1);
  const [seen, other] = [upTo(positive), upTo(negative)];
  if (seen.length === other.length && seen.every((token, i) => token === other[i])) {
    throw new InvalidArgumentError(
      'pairs',
      `${where}: both sides are identical up to the extraction position, so their difference is zero. ` +
        'Give two prompts that differ in the trait.',
    );
  }
  const [token, otherToken] = [seen.at(-1)!, other.at(-1)!];
  if (token !== otherToken) {
    const name = (id: number) =>
      `${JSON.stringify(tokenizer.decode([id], { skipSpecialTokens: false }))} (${id})`;
    throw new InvalidArgumentError(
      'pairs',
      `${where}: both sides must have the same token at the extraction position, found ${name(token)} on the ` +
        `positive and ${name(otherToken)} on the negative side. End both with the same text, such as the ` +
        'generation prompt, and choose a position inside it.',
    );
  }
}
