/** Two runs of the same questions, condition by condition. */
import type { AnswerRecord, RunConfig } from '../evaluate/run.ts';
import { bootstrapMean } from '../evaluate/statistics/bootstrap.ts';
import { holm } from '../evaluate/statistics/holm.ts';
import { signFlip } from '../evaluate/statistics/sign-flip.ts';
import type { Interval } from '../evaluate/statistics/wilson.ts';
import { canonicalJson, type Json } from '../sweep/content-hash.ts';
import type { ReportRun } from './report-run.ts';

export interface ConditionChange {
  readonly condition: string;
  /** Questions that both runs answered under it. */
  readonly n: number;
  /** Accuracy over those, in A and in B. */
  readonly a: number;
  readonly b: number;
  /** B minus A, with its 95 % bootstrap interval over questions. */
  readonly difference: number;
  readonly interval: Interval;
  /** Questions more often right in B, and less often. */
  readonly gained: number;
  readonly lost: number;
  /** Sign-flip test, two-sided; McNemar's exact test where answers are greedy and few differ. */
  readonly p: number;
  readonly holm: number;
  /** Mean tokens an answer. */
  readonly tokensA: number;
  readonly tokensB: number;
  /** Whether the two configurations of this condition are the same. */
  readonly isSame: boolean;
}

export interface RunComparison {
  readonly changes: readonly ConditionChange[];
  /** Settings of the runs that are not the same: name, value in A, value in B. */
  readonly differences: readonly (readonly [name: string, a: string, b: string])[];
  readonly onlyA: readonly string[];
  readonly onlyB: readonly string[];
  /** Whether both asked the same questions. */
  readonly isSameTask: boolean;
}

/** Conditions of the same name are compared on the questions that both runs answered. */
export function compareRuns(a: ReportRun, b: ReportRun): RunComparison {
  const [inA, inB] = [Object.keys(a.config.conditions), Object.keys(b.config.conditions)];
  const shared = inA.filter((name) => inB.includes(name));
  const [byA, byB] = [scoresOf(a.answers), scoresOf(b.answers)];
  const changes = shared.flatMap((condition) => {
    const [mine, theirs] = [byA.get(condition), byB.get(condition)];
    // Sorted: answers are recorded as they end, and the bootstrap draws by place.
    const ids = [...(mine?.keys() ?? [])].filter((id) => theirs?.has(id)).sort();
    if (mine === undefined || theirs === undefined || ids.length === 0) return [];
    const pairs = ids.map((id) => [mine.get(id)!, theirs.get(id)!] as const);
    const steps = pairs.map(([from, to]) => to.right - from.right);
    const mean = (values: readonly number[]) => values.reduce((sum, x) => sum + x, 0) / values.length;
    return [
      {
        condition,
        n: ids.length,
        a: mean(pairs.map(([from]) => from.right)),
        b: mean(pairs.map(([, to]) => to.right)),
        difference: mean(steps),
        interval: bootstrapMean(steps, a.config.seed),
        gained: steps.filter((step) => step > 0).length,
        lost: steps.filter((step) => step < 0).length,
        p: signFlip(steps, a.config.seed),
        tokensA: mean(pairs.map(([from]) => from.tokens)),
        tokensB: mean(pairs.map(([, to]) => to.tokens)),
        isSame: same(a.config.conditions[condition]!, b.config.conditions[condition]!),
      },
    ];
  });
  const corrected = holm(changes.map(({ p }) => p));
  return {
    changes: changes.map((change, i) => ({ ...change, holm: corrected[i]! })),
    differences: settingsOf(a.config)
      .map(([name, value], i) => [name, value, settingsOf(b.config)[i]![1]] as const)
      .filter(([, from, to]) => from !== to),
    onlyA: inA.filter((name) => !inB.includes(name)),
    onlyB: inB.filter((name) => !inA.includes(name)),
    isSameTask: a.config.task.hash === b.config.task.hash,
  };
}

/** By condition and question: the share of its draws that are right, and their mean tokens. */
function scoresOf(answers: readonly AnswerRecord[]) {
  const sums = new Map<string, Map<string, { right: number; tokens: number; draws: number }>>();
  for (const { condition, question, right, tokens } of answers) {
    const questions =
      sums.get(condition) ?? new Map<string, { right: number; tokens: number; draws: number }>();
    sums.set(condition, questions);
    const sum = questions.get(question) ?? { right: 0, tokens: 0, draws: 0 };
    questions.set(question, {
      right: sum.right + Number(right),
      tokens: sum.tokens + tokens,
      draws: sum.draws + 1,
    });
  }
  for (const questions of sums.values()) {
    for (const [id, { right, tokens, draws }] of questions) {
      questions.set(id, { right: right / draws, tokens: tokens / draws, draws });
    }
  }
  return sums;
}

function same(a: object, b: object): boolean {
  return canonicalJson(a as Json) === canonicalJson(b as Json);
}

function settingsOf(config: RunConfig): [name: string, value: string][] {
  const { engine, model, task } = config;
  return [
    ['model', model.name],
    ['weights', model.fingerprint],
    ['chat template', model.chatTemplateHash ?? 'none'],
    ['engine', engine.name],
    ['precision', engine.precision],
    ['task', task.name],
    ['questions', task.hash],
    ['scorer', task.scorer],
    ['tokens an answer, at most', String(config.maxTokens)],
    ['seed', String(config.seed)],
    ['kvsteer', config.kvsteer],
    ['Node', config.node],
  ];
}
