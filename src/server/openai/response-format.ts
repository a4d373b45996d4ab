/** How a route writes its answers: the two of OpenAI differ in names only. */
import type { TokenPiece } from '../answer/token-pieces.ts';

export interface WholeChoice {
  readonly text: string;
  readonly pieces: readonly TokenPiece[] | null;
  readonly finish: 'stop' | 'length';
}

export interface ChoicePart {
  readonly text: string;
  readonly pieces: readonly TokenPiece[] | null;
  readonly finish: 'stop' | 'length' | null;
}

export interface ResponseFormat {
  readonly idPrefix: string;
  readonly wholeObject: string;
  readonly chunkObject: string;
  /** A choice of a whole answer. */
  whole(index: number, choice: WholeChoice): object;
  /** What a stream says of a choice before its text; null: nothing. */
  opening(index: number): object | null;
  /** A choice of a chunk. */
  part(index: number, part: ChoicePart): object;
}

export const chatFormat: ResponseFormat = {
  idPrefix: 'chatcmpl-',
  wholeObject: 'chat.completion',
  chunkObject: 'chat.completion.chunk',
  whole: (index, { text, pieces, finish }) => ({
    index,
    message: { role: 'assistant', content: text, refusal: null },
    logprobs: chatLogprobs(pieces),
    finish_reason: finish,
  }),
  opening: (index) => ({
    index,
    delta: { role: 'assistant', content: '' },
    logprobs: null,
    finish_reason: null,
  }),
  part: (index, { text, pieces, finish }) => ({
    index,
    delta: text === '' ? {} : { content: text },
    logprobs: pieces !== null && pieces.length > 0 ? chatLogprobs(pieces) : null,
    finish_reason: finish,
  }),
};

export const completionFormat: ResponseFormat = {
  idPrefix: 'cmpl-',
  wholeObject: 'text_completion',
  chunkObject: 'text_completion',
  whole: completionChoice,
  opening: () => null,
  part: completionChoice,
};

function completionChoice(index: number, { text, pieces, finish }: ChoicePart): object {
  return { index, text, logprobs: completionLogprobs(pieces), finish_reason: finish };
}

function chatLogprobs(pieces: readonly TokenPiece[] | null): object | null {
  if (pieces === null) return null;
  const content = pieces.map(({ text, logprob, bytes }) => ({
    token: text,
    logprob,
    bytes,
    top_logprobs: [],
  }));
  return { content, refusal: null };
}

function completionLogprobs(pieces: readonly TokenPiece[] | null): object | null {
  if (pieces === null) return null;
  return {
    tokens: pieces.map(({ text }) => text),
    token_logprobs: pieces.map(({ logprob }) => logprob),
    top_logprobs: null,
    text_offset: pieces.map(({ offset }) => offset),
  };
}
