import { TeacherError } from '../errors.ts';
import type { Journal, RecordedReply } from './journal.ts';
import type { Pace } from './pace.ts';
import type { Teacher, TeacherRequest } from './teacher.ts';
import { promptTokenBound, type TokenBudget } from './token-budget.ts';

/** A request that is rate-limited this often will not come through. */
const MOST_LIMITS = 50;
/** A run does not sleep longer than this: an hour's limit is for the user to know. */
const LONGEST_QUIET_MS = 15 * 60_000;

export interface AskerParts {
  readonly teacher: Teacher;
  readonly journal: Journal;
  readonly budget: TokenBudget;
  readonly pace: Pace;
  /** Requests until one is answered, rate limits not counted. */
  readonly tries: number;
  /** Told of a request that came to nothing and is asked again. */
  readonly onRetry?: (error: TeacherError) => void;
}

/**
 * Brings a request to its answer: within the budget, again after faults that pass, and recorded before it counts.
 *
 * @returns null where the budget has no room for it.
 * @throws TeacherError where the teacher refused, or failed too often; the signal's reason.
 */
export async function askUntilAnswered(
  { teacher, journal, budget, pace, tries, onRetry }: AskerParts,
  key: string,
  request: TeacherRequest,
  signal: AbortSignal,
): Promise<RecordedReply | null> {
  const promptBound = promptTokenBound(request.messages);
  const most = promptBound + request.maxTokens;
  let failures = 0;
  let limits = 0;
  for (;;) {
    if (!(await budget.reserve(most, signal))) return null;
    let used = 0;
    let failure: TeacherError;
    try {
      await pace.untilQuietEnds(signal);
      await journal.asking(key, most);
      // Until the answer says better; also when it is broken off from here.
      used = most;
      const reply = await teacher.ask(request, signal);
      const { usage, text } = reply;
      used = usage ? usage.prompt + usage.completion : Math.min(most, promptBound + Buffer.byteLength(text));
      const recorded = { ...reply, charged: used };
      await journal.record(key, recorded);
      return recorded;
    } catch (error) {
      if (!(error instanceof TeacherError)) throw error;
      failure = error;
      used = error.mayBeBilled ? most : 0;
      await journal.lost(key, used);
    } finally {
      budget.settle(most, used);
    }
    const { kind, status, retryAfterMs: quiet } = failure;
    const count = status === 429 ? ++limits : ++failures;
    if (kind !== 'passing' || failures >= tries || limits >= MOST_LIMITS) throw failure;
    if (quiet !== null && quiet > LONGEST_QUIET_MS) {
      throw new TeacherError(
        'fatal',
        `${failure.message}. It asks to be left alone for ${Math.ceil(quiet / 60_000)} minutes: run the same command again then. What was answered is kept.`,
        { status, retryAfterMs: quiet, cause: failure },
      );
    }
    onRetry?.(failure);
    if (quiet === null) await pace.afterFailure(count, signal);
    else pace.keepQuiet(quiet);
  }
}
