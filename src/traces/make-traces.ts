import { createHash } from 'node:crypto';
import type { Question } from '../data/question.ts';
import { InvalidArgumentError, TeacherError } from '../errors.ts';
import { type AskerParts, askUntilAnswered } from './asker.ts';
import { inParallel } from './in-parallel.ts';
import { Journal } from './journal.ts';
import { Pace } from './pace.ts';
import { readTrace } from './read-trace.ts';
import type { StyleName } from './styles.ts';
import type { Teacher, TokenUsage } from './teacher.ts';
import { TokenBudget } from './token-budget.ts';
import { type Trace, type TraceItem, traceItem, writeTraceItems } from './trace-item.ts';
import { type AnsweredQuestion, type Fault, promptHash, traceRequest } from './trace-request.ts';

/** Questions in a row without any answer after which the teacher is given up. */
const MOST_IN_A_ROW = 10;

export interface MakeTracesOptions {
  readonly teacher: Teacher;
  /** At least one. */
  readonly styles: readonly StyleName[];
  /** A JSONL file of {@link TraceItem}s. The journal, `OUTPUT.journal`, is kept beside it. */
  readonly output: string;
  /** Questions at once, 1 to 256. Default 8. */
  readonly concurrency?: number;
  /** Answers a trace, until one is right. Default 3. */
  readonly attempts?: number;
  /** Requests an answer, where the teacher fails; rate limits do not count. Default 6. */
  readonly tries?: number;
  /** Most tokens of an answer. Default 1,024. */
  readonly maxTokens?: number;
  /** Spending cap of the whole run, prompts and answers, over all its resumptions. Default none. */
  readonly maxTotalTokens?: number;
  /** Milliseconds before a failed request is sent again, doubled each time up to 60 of them. Default 500. */
  readonly backOffMs?: number;
  readonly signal?: AbortSignal;
  /** Called when a question is done and when a request is sent again. */
  readonly onProgress?: (progress: TraceProgress) => void;
}

export interface TraceCounts {
  /** Questions with a right trace in every style. */
  readonly kept: number;
  /** Questions given up: no attempt was right and of the style's form. */
  readonly wrong: number;
  /** Questions that the teacher refused or never answered. Running again asks for them again. */
  readonly failed: number;
}

export interface TraceProgress extends TraceCounts {
  /** Questions. */
  readonly done: number;
  readonly total: number;
  /** Of all recorded answers. */
  readonly tokens: TokenUsage;
  /** Why a request has to be sent again, where that is what happened. */
  readonly retry?: string;
}

export interface DroppedQuestion {
  readonly id: string;
  readonly style: StyleName;
  /** What was wrong with the last attempt, or `failed`. */
  readonly why: Fault | 'failed';
  /** The teacher's error where it failed. */
  readonly message?: string;
}

export interface TraceSummary extends TraceCounts {
  readonly total: number;
  /** Questions without a known answer, which cannot be checked. */
  readonly unanswerable: number;
  /** Questions that the spending cap left; running again with a higher one goes on. */
  readonly left: number;
  readonly dropped: readonly DroppedQuestion[];
  /** Answers of this call, and of earlier ones that were not asked for again. */
  readonly answers: { readonly asked: number; readonly recorded: number };
  /** Of all recorded answers. */
  readonly tokens: TokenUsage;
  /** Tokens charged against the cap: also what answers that never arrived can have cost at most. */
  readonly charged: number;
  /** The file, or null where there was nothing to write. */
  readonly output: string | null;
}

type Outcome = readonly Trace[] | DroppedQuestion | 'left';

/**
 * Has a teacher write a trace in each style for each question, checks the answers, and writes the questions with right traces
 * in all styles, in their order. Wrong answers are asked for again, at a higher temperature and with a hint at what was
 * wrong, then given up; a question given up in one style is not asked for in the others.
 *
 * Each answer is flushed to the journal before it counts. A run that ended in any way (a kill, an error, the cap) goes on
 * where it was when it is called again, and ends with the same bytes as if it had not.
 *
 * @throws InvalidArgumentError for options out of range, or a journal of other settings; InvalidFileError for a damaged one;
 * TeacherError where the teacher cannot be asked at all, e.g. for a wrong key; the signal's reason.
 */
export async function makeTraces(
  questions: readonly Question[],
  options: MakeTracesOptions,
): Promise<TraceSummary> {
  const { teacher, styles, output, concurrency = 8, attempts = 3, tries = 6 } = options;
  const { maxTokens = 1024, maxTotalTokens = Infinity, backOffMs = 500, signal, onProgress } = options;
  requireOptions({ concurrency, attempts, tries, maxTokens }, styles, maxTotalTokens);
  signal?.throwIfAborted();
  const answered = questions.filter((question): question is AnsweredQuestion => question.answer !== null);
  const prompts = Object.fromEntries(styles.map((style) => [style, promptHash(style, maxTokens)]));
  await using journal = await Journal.open(
    `${output}.journal`,
    { teacher: teacher.identity, styles: prompts },
    signal,
  );

  const counts = { kept: 0, wrong: 0, failed: 0, left: 0 };
  const answers = { asked: 0, recorded: 0 };
  const items: (TraceItem | undefined)[] = new Array(answered.length);
  const dropped: (DroppedQuestion | undefined)[] = new Array(answered.length);
  let failuresInARow = 0;
  const report = (retry?: string) => {
    const { left: _, ...shown } = counts;
    const done = shown.kept + shown.wrong + shown.failed;
    const { tokens } = journal;
    onProgress?.({ ...shown, done, total: answered.length, tokens, ...(retry !== undefined && { retry }) });
  };
  const asker: AskerParts = {
    teacher,
    journal,
    budget: new TokenBudget(maxTotalTokens, journal.charged),
    pace: new Pace({ firstMs: backOffMs, mostMs: 60 * backOffMs }),
    tries,
    onRetry: ({ message }) => report(message),
  };

  /** The trace of one style: recorded answers first, then the teacher. */
  const trace = async (
    question: AnsweredQuestion,
    style: StyleName,
    stop: AbortSignal,
  ): Promise<Trace | DroppedQuestion | 'left'> => {
    const tokens = { prompt: 0, completion: 0 };
    let isCounted = true;
    let previous: Fault | null = null;
    for (let attempt = 1; attempt <= attempts; attempt++) {
      const key = `${questionHash(question)}:${style}:${attempt}`;
      const request = traceRequest(question, style, { attempt, previous, maxTokens });
      const known = journal.reply(key);
      const reply = known ?? (await askUntilAnswered(asker, key, request, stop));
      if (reply === null) return 'left';
      if (known) answers.recorded++;
      else answers.asked++;
      failuresInARow = 0;
      tokens.prompt += reply.usage?.prompt ?? 0;
      tokens.completion += reply.usage?.completion ?? 0;
      isCounted &&= reply.usage !== null;
      const read = readTrace(reply, question, style);
      if ('reasoning' in read) {
        const origin = {
          teacher: teacher.model,
          model: reply.model,
          prompt: prompts[style]!,
          attempts: attempt,
          tokens: isCounted ? tokens : null,
        };
        return { style, reasoning: read.reasoning, origin };
      }
      previous = read.fault;
    }
    return { id: question.id, style, why: previous ?? 'wrong' };
  };

  const outcome = async (question: AnsweredQuestion, stop: AbortSignal): Promise<Outcome> => {
    const traces: Trace[] = [];
    for (const style of styles) {
      try {
        const one = await trace(question, style, stop);
        if (one === 'left' || 'why' in one) return one;
        traces.push(one);
      } catch (error) {
        if (!(error instanceof TeacherError) || error.kind === 'fatal') throw error;
        if (++failuresInARow >= MOST_IN_A_ROW) throw givenUp(error);
        return { id: question.id, style, why: 'failed', message: error.message };
      }
    }
    return traces;
  };

  let next = 0;
  await inParallel(Math.min(concurrency, answered.length), signal, async (stop) => {
    while (counts.left === 0 && next < answered.length) {
      const index = next++;
      const question = answered[index]!;
      const result = await outcome(question, stop);
      if (result === 'left') counts.left++;
      else if ('why' in result) {
        dropped[index] = result;
        counts[result.why === 'failed' ? 'failed' : 'wrong']++;
      } else {
        items[index] = traceItem(question, result);
        counts.kept++;
      }
      report();
    }
  });
  signal?.throwIfAborted();
  const kept = items.filter((item) => item !== undefined);
  if (kept.length > 0) await writeTraceItems(output, kept);
  return {
    ...counts,
    left: counts.left + answered.length - next,
    total: questions.length,
    unanswerable: questions.length - answered.length,
    dropped: dropped.filter((one) => one !== undefined),
    answers,
    tokens: journal.tokens,
    charged: journal.charged,
    output: kept.length > 0 ? output : null,
  };
}

/** What is asked about, whatever else is known of the question: 16 hex digits. */
function questionHash({ id, question, choices, answer }: AnsweredQuestion): string {
  const text = JSON.stringify([id, question, choices, answer]);
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

function givenUp(last: TeacherError): TeacherError {
  const { message, status, retryAfterMs, mayBeBilled } = last;
  return new TeacherError(
    'fatal',
    `The teacher has not answered ${MOST_IN_A_ROW} questions in a row. The last time: ${message}. What was answered before is kept: run the same command again to go on.`,
    { status, retryAfterMs, mayBeBilled, cause: last },
  );
}

function requireOptions(
  whole: Readonly<Record<'concurrency' | 'attempts' | 'tries' | 'maxTokens', number>>,
  styles: readonly StyleName[],
  maxTotalTokens: number,
): void {
  const most = { concurrency: 256, attempts: 100, tries: 1000, maxTokens: 1_000_000 };
  for (const name of ['concurrency', 'attempts', 'tries', 'maxTokens'] as const) {
    const value = whole[name];
    if (!Number.isSafeInteger(value) || value < 1 || value > most[name]) {
      throw new InvalidArgumentError(
        name,
        `${name} must be an integer from 1 to ${most[name]}, not ${value}.`,
      );
    }
  }
  if (!(maxTotalTokens > 0)) {
    throw new InvalidArgumentError(
      'maxTotalTokens',
      `maxTotalTokens must be above 0, not ${maxTotalTokens}.`,
    );
  }
  if (styles.length === 0 || new Set(styles).size < styles.length) {
    throw new InvalidArgumentError('styles', 'Give at least one style, and none twice.');
  }
}
