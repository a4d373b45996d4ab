import type {
  AnswerRecord,
  Comparison,
  ConditionSummary,
  Counted,
  ReasoningStyle,
  RunConfig,
  RunSummary,
  SideEffects,
  SoloTime,
} from './run.ts';
import { bootstrapMean } from './statistics/bootstrap.ts';
import { holm } from './statistics/holm.ts';
import { mcnemarExact } from './statistics/mcnemar.ts';
import { signFlip } from './statistics/sign-flip.ts';
import { wilsonInterval } from './statistics/wilson.ts';
import { REASONING_STYLES } from './style.ts';

/** What is measured beside the answers, by condition. */
export interface Measured {
  readonly sideEffects?: Readonly<Record<string, SideEffects>>;
  readonly solo?: Readonly<Record<string, SoloTime>>;
}

/**
 * The figures of a run, finished or not; in a run that is not, comparisons are over the questions that both sides have
 * answered. The same for the same answers, in whatever order they come.
 */
export function summarise(
  config: RunConfig,
  answers: readonly AnswerRecord[],
  measured: Measured = {},
): RunSummary {
  const by = new Map<string, AnswerRecord[]>(Object.keys(config.conditions).map((name) => [name, []]));
  for (const answer of answers) by.get(answer.condition)?.push(answer);
  const conditions: Record<string, ConditionSummary> = {};
  for (const [name, own] of by) {
    if (own.length > 0) conditions[name] = summariseCondition(own, name, config, measured);
  }
  return { version: 1, conditions, comparisons: compareAll(by, config) };
}

function summariseCondition(
  answers: readonly AnswerRecord[],
  name: string,
  { seed }: RunConfig,
  { sideEffects = {}, solo = {} }: Measured,
): ConditionSummary {
  const n = answers.length;
  const counted = (test: (answer: AnswerRecord) => boolean): Counted => {
    const count = answers.filter(test).length;
    return { count, share: count / n };
  };
  const sum = (number: (answer: AnswerRecord) => number) =>
    answers.reduce((total, answer) => total + number(answer), 0);
  const shares = rightShares(answers);
  const right = counted((answer) => answer.right).count;
  const tokens = sum((answer) => answer.tokens);
  const ms = sum((answer) => answer.ms);
  return {
    n: shares.size,
    answers: n,
    right,
    accuracy: right / n,
    interval: shares.size === n ? wilsonInterval(right, n) : bootstrapMean([...shares.values()], seed),
    tokens: tokens / n,
    tokensPerRight: right === 0 ? null : tokens / right,
    degenerate: counted((answer) => answer.degenerate),
    unfinished: counted((answer) => answer.finish === 'length'),
    empty: counted((answer) => answer.status === 'empty'),
    overflow: counted((answer) => answer.status === 'overflow'),
    unanswered: counted((answer) => answer.answer === null),
    forced: counted((answer) => answer.by === 'forced'),
    stepped: counted((answer) => answer.steps > 0),
    steps: sum((answer) => answer.steps) / n,
    styles: Object.fromEntries(
      REASONING_STYLES.map((style) => [style, counted((answer) => answer.style === style)]),
    ) as Record<ReasoningStyle, Counted>,
    ms: ms / n,
    msPerToken: tokens === 0 ? null : ms / tokens,
    solo: solo[name] ?? null,
    sideEffects: sideEffects[name] ?? null,
  };
}

/** The share of right draws of each question, by id, in the order of the ids. */
function rightShares(answers: readonly AnswerRecord[]): Map<string, number> {
  const counts = new Map<string, { right: number; draws: number }>();
  for (const { question, right } of answers) {
    const count = counts.get(question) ?? { right: 0, draws: 0 };
    counts.set(question, { right: count.right + (right ? 1 : 0), draws: count.draws + 1 });
  }
  return new Map(
    [...counts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([id, { right, draws }]) => [id, right / draws]),
  );
}

function compareAll(by: ReadonlyMap<string, readonly AnswerRecord[]>, config: RunConfig): Comparison[] {
  const baseline = rightShares(by.get(config.baseline) ?? []);
  const comparisons = [...by]
    .filter(([name]) => name !== config.baseline)
    .flatMap(([name, answers]) => compare(name, rightShares(answers), baseline, config) ?? []);
  const adjusted = holm(comparisons.map(({ p }) => p));
  return comparisons.map((comparison, i) => ({ ...comparison, holm: adjusted[i]! }));
}

function compare(
  condition: string,
  shares: ReadonlyMap<string, number>,
  baseline: ReadonlyMap<string, number>,
  { baseline: name, seed }: RunConfig,
): Omit<Comparison, 'holm'> | null {
  const differences: number[] = [];
  for (const [id, share] of shares) {
    const other = baseline.get(id);
    if (other !== undefined) differences.push(share - other);
  }
  const n = differences.length;
  if (n === 0) return null;
  const gained = differences.filter((difference) => difference > 0).length;
  const lost = differences.filter((difference) => difference < 0).length;
  const isWhole = differences.every(Number.isInteger);
  return {
    condition,
    baseline: name,
    n,
    difference: differences.reduce((sum, difference) => sum + difference, 0) / n,
    interval: bootstrapMean(differences, seed),
    gained,
    lost,
    p: isWhole ? mcnemarExact(gained, lost) : signFlip(differences, seed),
    test: isWhole ? 'mcnemar' : 'sign-flip',
  };
}
