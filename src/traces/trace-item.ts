import { open, rename } from 'node:fs/promises';
import { closingSentence } from '../data/final-answer.ts';
import { questionText } from '../data/question-text.ts';
import type { TokenUsage } from './teacher.ts';
import type { AnsweredQuestion } from './trace-request.ts';

/** Where a trace is from. */
export type TraceOrigin =
  | {
      readonly teacher: string;
      /** As the teacher calls itself. */
      readonly model: string;
      /** `promptHash` of its style. */
      readonly prompt: string;
      /** Answers that it took, the right one included; requests that came to nothing do not count. */
      readonly attempts: number;
      /** Of all these answers; null where the teacher does not say. */
      readonly tokens: TokenUsage | null;
    }
  /** `rationale`: the question set's own worked solution; else the file's name. */
  | { readonly from: string };

/**
 * A line of the output: both kinds of item that `pairs/` reads. As `{"question", "steps", "answer"}` it is the first style's
 * reasoning (stepwise, where it is there) against the answer alone; as `{"question", "styles"}` any style against any other, or `direct`.
 */
export interface TraceItem {
  readonly id: string;
  /** With its choices. */
  readonly question: string;
  readonly answer: string;
  /** Reasoning, line by line, without the closing sentence. */
  readonly steps: readonly string[];
  /** Whole answers, closing sentence included, by the style's name; `direct` is that sentence alone. */
  readonly styles: Readonly<Record<string, string>>;
  readonly provenance: {
    /** Of the question. */
    readonly source: string | null;
    readonly licence: string | null;
    /** By the style's name. */
    readonly traces: Readonly<Record<string, TraceOrigin>>;
  };
}

export interface Trace {
  readonly style: string;
  /** Without the closing sentence. */
  readonly reasoning: string;
  readonly origin: TraceOrigin;
}

/** @param traces at least one. */
export function traceItem(question: AnsweredQuestion, traces: readonly Trace[]): TraceItem {
  const { id, answer, source, licence } = question;
  const first = traces.find(({ style }) => style === 'stepwise') ?? traces[0]!;
  const closing = closingSentence(answer);
  const whole = (reasoning: string) => `${reasoning}${reasoning.includes('\n') ? '\n' : ' '}${closing}`;
  return {
    id,
    question: questionText(question),
    answer,
    steps: first.reasoning.split('\n'),
    styles: {
      // The leading blank is the published pairs', and what `pairs/` makes of an answer alone.
      direct: ` ${closing}`,
      ...Object.fromEntries(traces.map(({ style, reasoning }) => [style, whole(reasoning)])),
    },
    provenance: {
      source,
      licence,
      traces: Object.fromEntries(traces.map(({ style, origin }) => [style, origin])),
    },
  };
}

/** Writes beside `path`, flushes, and renames: the file is there whole or not at all. */
export async function writeTraceItems(path: string, items: Iterable<TraceItem>): Promise<void> {
  const part = `${path}.part`;
  {
    await using file = await open(part, 'w');
    for (const item of items) await file.appendFile(`${JSON.stringify(item)}\n`);
    await file.sync();
  }
  await rename(part, path);
}
