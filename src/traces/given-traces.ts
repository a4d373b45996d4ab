import { basename } from 'node:path';
import { readJsonLines } from '../data/json-lines.ts';
import type { Question } from '../data/question.ts';
import { questionKey } from '../data/question-key.ts';
import { questionText } from '../data/question-text.ts';
import { InvalidArgumentError, InvalidFileError } from '../errors.ts';
import { readTrace } from './read-trace.ts';
import { type Trace, type TraceItem, traceItem } from './trace-item.ts';
import type { AnsweredQuestion } from './trace-request.ts';

export interface GivenTraces {
  /** In the order of the questions. */
  readonly items: readonly TraceItem[];
  /** Questions whose trace ends in another answer, or in none. */
  readonly wrong: number;
  /** Questions without a trace, or without a known answer. */
  readonly missing: number;
}

/**
 * Traces that people wrote: each question's own worked solution, as the style `stepwise`. Nothing is checked, as the
 * solution and the answer are of one hand.
 */
export function rationaleTraces(questions: readonly Question[]): GivenTraces {
  return collect(questions, ({ rationale }) =>
    rationale === null
      ? null
      : [{ style: 'stepwise', reasoning: rationale.join('\n'), origin: { from: 'rationale' } }],
  );
}

/**
 * Traces of a JSONL file, each line `{"question", "styles"}` with a text for each of `styles`, or `{"question", "trace"}` for a
 * single style; `"id"` finds the question as well as its text does. The texts end with "The answer is X.", which is checked.
 *
 * @param styles names as in the file, at least one.
 * @throws InvalidFileError naming the line; InvalidArgumentError for no style or one named `direct`; the signal's reason.
 */
export async function fileTraces(
  questions: readonly Question[],
  path: string,
  styles: readonly string[],
  signal?: AbortSignal,
): Promise<GivenTraces> {
  if (styles.length === 0 || styles.includes('direct')) {
    throw new InvalidArgumentError(
      'styles',
      'Name the styles of the traces in the file; "direct" is made of the answers.',
    );
  }
  const byKey = new Map<string, Readonly<Record<string, string>>>();
  for await (const { line, value } of readJsonLines(path, signal ? { signal } : {})) {
    const { id, question, trace, styles: texts } = (value ?? {}) as Record<string, unknown>;
    const given = typeof trace === 'string' && styles.length === 1 ? { [styles[0]!]: trace } : texts;
    const isText = (style: string) => typeof (given as Record<string, unknown>)[style] === 'string';
    const keys = [
      ...(typeof id === 'string' ? [`id ${id}`] : []),
      ...(typeof question === 'string' ? [`text ${questionKey(question)}`] : []),
    ];
    if (keys.length === 0 || typeof given !== 'object' || given === null || !styles.every(isText)) {
      throw new InvalidFileError(
        path,
        `line ${line}: expected {"question", "styles"} with texts named ${styles.join(', ')}${styles.length === 1 ? ', or {"question", "trace"}' : ''}.`,
      );
    }
    for (const key of keys) byKey.set(key, given as Readonly<Record<string, string>>);
  }
  const from = basename(path);
  return collect(questions, (question) => {
    const found =
      byKey.get(`id ${question.id}`) ??
      byKey.get(`text ${questionKey(question.question)}`) ??
      byKey.get(`text ${questionKey(questionText(question))}`);
    return found
      ? styles.map((style) => {
          const read = readTrace({ text: found[style]!, isCut: false }, question, null);
          return 'reasoning' in read ? { style, reasoning: read.reasoning, origin: { from } } : null;
        })
      : null;
  });
}

/** @param tracesOf null: the question has none; a trace that is null is wrong. */
function collect(
  questions: readonly Question[],
  tracesOf: (question: AnsweredQuestion) => readonly (Trace | null)[] | null,
): GivenTraces {
  const items: TraceItem[] = [];
  let wrong = 0;
  let missing = 0;
  for (const question of questions) {
    const known = question.answer === null ? null : (question as AnsweredQuestion);
    const traces = known && tracesOf(known);
    if (known === null || traces === null) missing++;
    else if (traces.every((trace) => trace !== null)) items.push(traceItem(known, traces));
    else wrong++;
  }
  return { items, wrong, missing };
}
