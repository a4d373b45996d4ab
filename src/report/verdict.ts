/** What a run shows and what it does not, in sentences that both forms of the report print. */
import type { Comparison, ConditionConfig, RunConfig, RunSummary } from '../evaluate/run.ts';
import { percent, points, pointsInterval, pValue } from './numbers.ts';
import type { ReportRun } from './report-run.ts';

/** Fewer questions are not called a gain. */
const ENOUGH_QUESTIONS = 400;
/** A free answer that is right less often says nothing about how well a condition reasons. */
const FLOOR = 0.05;

export interface Verdict {
  readonly lead: string;
  readonly warnings: readonly string[];
}

export function verdictOf({ config, summary, isFinished, answers }: ReportRun): Verdict {
  const { baseline, task } = config;
  const compared = summary.comparisons.filter(({ condition }) => !isControl(config.conditions[condition]));
  const best = compared.reduce<Comparison | null>(
    (a, b) => (a === null || b.difference > a.difference ? b : a),
    null,
  );
  const unfinished = `This run is not finished: these are the figures of the ${answers.length} answers so far.`;
  const warnings = warningsOf(config, summary, task.questions, baseline);
  return { lead: lead(best, summary, config), warnings: isFinished ? warnings : [unfinished, ...warnings] };
}

/** A condition that is there to be compared with: a vector without content. */
export function isControl(condition: ConditionConfig | undefined): boolean {
  return condition?.edits.some(({ aggregation }) => ['random', 'shuffled'].includes(aggregation)) ?? false;
}

function lead(best: Comparison | null, summary: RunSummary, { baseline, task }: RunConfig): string {
  const accuracy = (name: string) => `${percent(summary.conditions[name]?.accuracy ?? 0)} %`;
  if (best === null) return `${baseline}: ${accuracy(baseline)} right of ${task.questions} questions.`;
  const { condition, difference, interval, holm } = best;
  const figures = `${accuracy(condition)} against ${accuracy(baseline)} with ${baseline}: ${points(difference)} points ${pointsInterval(interval)}, Holm-corrected p ${pValue(holm)}.`;
  if (holm < 0.05 && difference > 0) return `Most accurate: ${condition}, ${figures}`;
  return `No condition is shown to be more accurate than ${baseline}. The nearest, ${condition}: ${figures}`;
}

function warningsOf(
  config: RunConfig,
  summary: RunSummary,
  questions: number,
  baseline: string,
): readonly string[] {
  const warnings: string[] = [];
  if (questions < ENOUGH_QUESTIONS) {
    warnings.push(
      `${questions} questions: enough to see a large effect, too few to call a small difference a gain (${ENOUGH_QUESTIONS} or more).`,
    );
  }
  const all = Object.entries(summary.conditions);
  const isFree = config.task.scorer !== 'choice' && config.task.scorer !== 'yes-no';
  if (isFree && all.length > 0 && all.every(([, { accuracy }]) => accuracy < FLOOR)) {
    warnings.push(
      `Every condition is at the floor (below ${percent(FLOOR)} % right): this model cannot do the task, and accuracy says nothing about steering here. Look at tokens, steps and style instead.`,
    );
  }
  const hasControl = Object.values(config.conditions).some(isControl);
  const isSteered = Object.values(config.conditions).some(({ edits }) => edits.length > 0);
  if (isSteered && !hasControl) {
    warnings.push(
      'No control with a random vector of the same norm was run: an effect could come from any push of that size.',
    );
  }
  const plain = summary.conditions[baseline];
  for (const [name, condition] of all) {
    if (plain === undefined || name === baseline) continue;
    if (condition.degenerate.share > plain.degenerate.share + 0.05) {
      warnings.push(
        `${name}: ${percent(condition.degenerate.share)} % of the answers are degenerate (${percent(plain.degenerate.share)} % with ${baseline}).`,
      );
    }
  }
  if (config.task.malformed > 0) {
    warnings.push(`${config.task.malformed} rows of the task could not be read, and were not asked.`);
  }
  const most = 8;
  return warnings.length <= most
    ? warnings
    : [...warnings.slice(0, most), `and ${warnings.length - most} more of the same kind; see the table.`];
}
