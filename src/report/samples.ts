import type { AnswerRecord, RunConfig, RunSummary } from '../evaluate/run.ts';
import { type Html, html } from './html.ts';
import type { ReportRun } from './report-run.ts';
import { isControl } from './verdict.ts';

const MOST_QUESTIONS = 6;
const MOST_CONDITIONS = 4;
/** Longer answers are cut: a page must open whatever a model wrote. */
const MOST_CHARACTERS = 6000;

export interface Sample {
  readonly id: string;
  readonly question: string | null;
  readonly answers: readonly { readonly condition: string; readonly record: AnswerRecord }[];
}

/**
 * A few questions with their answers side by side: first those on which the conditions part, of these evenly through the
 * run. First draws only.
 */
export function samplesOf({ config, summary, answers, questions }: ReportRun): Sample[] {
  const shown = conditionsShown(config, summary);
  const byQuestion = new Map<string, Map<string, AnswerRecord>>();
  for (const record of answers) {
    if (record.draw !== 0 || !shown.includes(record.condition)) continue;
    const found = byQuestion.get(record.question) ?? new Map<string, AnswerRecord>();
    byQuestion.set(record.question, found.set(record.condition, record));
  }
  // Answers are recorded as they end: sorted, the same run gives the same page.
  const ids = [...byQuestion.keys()].sort();
  const parts = (id: string) => new Set([...byQuestion.get(id)!.values()].map(({ right }) => right)).size > 1;
  const [parting, alike] = [ids.filter(parts), ids.filter((id) => !parts(id))];
  const chosen = [...spread(parting, MOST_QUESTIONS - 1), ...spread(alike, MOST_QUESTIONS)].slice(
    0,
    MOST_QUESTIONS,
  );
  return chosen.map((id) => ({
    id,
    question: questions.get(id) ?? null,
    answers: shown.flatMap((condition) => {
      const record = byQuestion.get(id)!.get(condition);
      return record === undefined ? [] : [{ condition, record }];
    }),
  }));
}

/** The baseline, then the most accurate of each kind: edits of the cache, other prompts, activation steering, controls. */
function conditionsShown({ conditions, baseline }: RunConfig, summary: RunSummary): string[] {
  const others = Object.keys(conditions).filter((name) => name !== baseline);
  const accuracy = (name: string) => summary.conditions[name]?.accuracy ?? 0;
  const kindOf = (name: string) => {
    const condition = conditions[name]!;
    if (isControl(condition)) return 3;
    return condition.activation ? 2 : condition.edits.length === 0 ? 1 : 0;
  };
  const best = [0, 1, 2, 3].flatMap((kind) => {
    const [first, ...rest] = others.filter((name) => kindOf(name) === kind);
    return first === undefined ? [] : [rest.reduce((a, b) => (accuracy(b) > accuracy(a) ? b : a), first)];
  });
  return [...new Set([baseline, ...best, ...others])].slice(0, MOST_CONDITIONS);
}

function spread<T>(list: readonly T[], most: number): T[] {
  if (list.length <= most) return [...list];
  return Array.from({ length: most }, (_, i) => list[Math.floor((i * list.length) / most)]!);
}

export function cut(text: string, most = MOST_CHARACTERS): string {
  return text.length <= most ? text : `${text.slice(0, most)}\n[… ${text.length - most} more characters]`;
}

export function samplesSection(run: ReportRun): Html {
  return html`${samplesOf(run).map(
    ({ id, question, answers }) => html`<article>
<p class="question"><b>${id}</b>${question !== null && html`<br>${cut(question)}`}</p>
<div class="answers">${answers.map(
      ({
        condition,
        record,
      }) => html`<div><h4>${condition} <span class="soft">${described(record)}</span></h4>
<pre class="answer ${record.right ? 'right' : 'wrong'}">${record.text === '' ? '(nothing)' : cut(record.text)}</pre></div>`,
    )}</div></article>`,
  )}`;
}

/** `✓ 42 · 76 tokens`. */
export function described({ right, answer, status, tokens, finish, degenerate }: AnswerRecord): string {
  if (status === 'overflow') return '✗ does not fit the context';
  return [
    `${right ? '✓' : '✗'} ${answer === null ? 'no answer' : cut(answer, 40)}`,
    `${tokens} token${tokens === 1 ? '' : 's'}`,
    ...(finish === 'length' ? ['unfinished'] : []),
    ...(degenerate ? ['degenerate'] : []),
  ].join(' · ');
}
