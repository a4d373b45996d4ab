import { type AnsweredQuestion, type Asking, ask, promptOf } from './ask.ts';
import type { Condition } from './condition.ts';
import type { SoloTime } from './run.ts';
import { ShareClock } from './share-clock.ts';
import { SharedPrefill } from './shared-prefill.ts';

/**
 * Times each condition alone in the engine, prefill included: one answer after the other, none beside it. The first
 * question is asked once more before, so that what an engine sets up once is not charged to the first condition.
 */
export async function measureSolo(
  questions: readonly AnsweredQuestion[],
  conditions: Readonly<Record<string, Condition>>,
  asking: Omit<Asking, 'prefills' | 'clock'>,
  signal: AbortSignal,
  onProgress: (done: number, total: number) => void,
): Promise<Record<string, SoloTime>> {
  const times: Record<string, SoloTime> = {};
  const names = Object.keys(conditions);
  const total = names.length * questions.length;
  let done = 0;
  onProgress(0, total);
  for (const name of names) {
    const condition = conditions[name]!;
    const timed = questions.flatMap((question) => {
      const prompt = promptOf(question, condition, asking.engine);
      return prompt === null ? [] : [{ question, name, condition, draw: 0, prompt }];
    });
    let [wall, decoding, tokens] = [0, 0, 0];
    for (const [i, asked] of [...timed.slice(0, 1), ...timed].entries()) {
      const started = performance.now();
      await using prefills = new SharedPrefill(asking.engine);
      const answer = await ask(asked, { ...asking, prefills, clock: new ShareClock() }, signal);
      if (i === 0) continue;
      wall += performance.now() - started;
      decoding += answer.ms;
      tokens += answer.tokens + (answer.finish === 'eos' ? 1 : 0);
      onProgress(++done, total);
    }
    if (timed.length > 0 && tokens > 0) {
      times[name] = { n: timed.length, msPerExample: wall / timed.length, msPerToken: decoding / tokens };
    }
  }
  return times;
}
