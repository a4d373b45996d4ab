import type { Question } from '../data/question.ts';
import { questionKey } from '../data/question-key.ts';
import type { Engine } from '../engine/engine.ts';
import { InvalidArgumentError } from '../errors.ts';
import type { ActivationPlan, ActivationVector } from './activation.ts';
import { type Budget, chooseSetting, type TriedSetting } from './choose.ts';
import type { Condition } from './condition.ts';
import { type EvaluateOptions, type Evaluation, evaluate } from './evaluate.ts';

export interface TuneOptions
  extends Omit<EvaluateOptions, 'out' | 'baseline' | 'tuned' | 'solo' | 'sideEffects'> {
  readonly budget?: Budget;
  /** Folder; `validation` and `test` below it are runs. Default: kept in memory only. */
  readonly out?: string;
}

/** How a setting was chosen, as runs record it. */
export interface TuneRecord {
  readonly objective: string;
  readonly questions: number;
  /** `hashQuestions` of the validation questions. */
  readonly hash: string;
  readonly chosen: string;
  readonly tried: readonly TriedSetting[];
}

export interface Tuned {
  readonly record: TuneRecord;
  /** The chosen setting beside the unsteered condition, on questions that had no part in choosing. */
  readonly test: Evaluation;
}

/**
 * Chooses among settings on validation questions, by {@link chooseSetting}, and reports the chosen one on test questions, beside the
 * same prompt without an edit (`offset`).
 *
 * @param settings by name, from the smallest edit to the largest.
 * @throws InvalidArgumentError where a text is in both parts, or no setting keeps the budget (with the least that one costs);
 * what {@link evaluate} throws.
 */
export async function tune(
  engine: Engine,
  parts: { readonly validation: readonly Question[]; readonly test: readonly Question[] },
  settings: Readonly<Record<string, Condition>>,
  options: TuneOptions = {},
): Promise<Tuned> {
  requireDisjoint(parts.validation, parts.test);
  const record = await choose(engine, parts.validation, settings, options);
  const chosen = settings[record.chosen]!;
  const { activation: _, plan: __, ...unsteered } = chosen;
  const test = await evaluate(
    engine,
    parts.test,
    { unsteered, [record.chosen]: chosen },
    { ...evaluateOptions(options, 'test'), sideEffects: true, tuned: record },
  );
  return { record, test };
}

/** The first half of {@link tune}: errors as there. */
export async function choose(
  engine: Engine,
  validation: readonly Question[],
  settings: Readonly<Record<string, Condition>>,
  options: TuneOptions = {},
): Promise<TuneRecord> {
  const { budget = {} } = options;
  const names = Object.keys(settings);
  if (names.length === 0) throw new InvalidArgumentError('settings', 'There is nothing to choose from.');
  const { summary, config } = await evaluate(engine, validation, settings, {
    ...evaluateOptions(options, 'validation'),
    sideEffects: budget.kl !== undefined,
  });
  const { chosen, tried } = chooseSetting(summary.conditions, names, budget);
  if (chosen === null) {
    const least = (cost: (setting: TriedSetting) => number) => Math.min(...tried.map(cost));
    const [tokens, kl] = [least((setting) => setting.tokens), least((setting) => setting.kl ?? Infinity)];
    throw new InvalidArgumentError(
      'budget',
      `None of ${tried.length} settings keeps the budget: the least are ${tokens.toFixed(1)} tokens an answer${Number.isFinite(kl) ? ` and a KL of ${kl.toPrecision(3)}` : ''}. Allow more, or try smaller coefficients.`,
    );
  }
  return {
    objective: objectiveOf(budget),
    questions: config.task.questions,
    hash: config.task.hash,
    chosen,
    tried,
  };
}

function objectiveOf({ tokens, kl }: Budget): string {
  const limits = [
    ...(tokens === undefined ? [] : [`at most ${tokens} tokens an answer`]),
    ...(kl === undefined ? [] : [`a KL of at most ${kl} a token to the plain model on unrelated text`]),
  ];
  const under = limits.length === 0 ? '' : ` with ${limits.join(' and ')}`;
  return `the smallest edit within 2 points of the best accuracy${under}`;
}

export interface ActivationGrid {
  /** Default: up to six, evenly spaced from layer 1 on. */
  readonly layers?: readonly number[];
  /** Default 0.5, 1, 2, 4. */
  readonly strengths?: readonly number[];
}

/** The settings of activation steering that are tried, from the weakest. */
export function activationSettings(
  vector: ActivationVector,
  tokens: ActivationPlan['tokens'],
  { layers = spread(vector.layers), strengths = [0.5, 1, 2, 4] }: ActivationGrid = {},
): Record<string, ActivationPlan> {
  return Object.fromEntries(
    strengths.flatMap((strength) =>
      layers.map((layer) => [`layer ${layer}, strength ${strength}`, { vector, layer, strength, tokens }]),
    ),
  );
}

function spread(layers: number): number[] {
  const last = layers - 1;
  const count = Math.min(6, Math.max(1, last));
  const first = Math.min(1, last);
  const step = count === 1 ? 0 : (last - first) / (count - 1);
  return Array.from({ length: count }, (_, i) => Math.round(first + i * step));
}

/** @throws InvalidArgumentError naming a question whose text is in both. */
export function requireDisjoint(validation: readonly Question[], test: readonly Question[]): void {
  const keys = new Set(validation.map(({ question }) => questionKey(question)));
  const shared = test.filter(({ question }) => keys.has(questionKey(question)));
  if (shared.length === 0) return;
  throw new InvalidArgumentError(
    'validation',
    `${shared.length} of the ${test.length} test questions are among the validation questions too, the first is ${JSON.stringify(shared[0]!.id)}: a setting must be reported on questions that did not choose it.`,
  );
}

function evaluateOptions(options: TuneOptions, part: string): EvaluateOptions {
  const { budget: _, out, task, ...rest } = options;
  return {
    ...rest,
    task: { ...task, name: `${task?.name ?? 'questions'} (${part})` },
    ...(out !== undefined && { out: `${out}/${part}` }),
  };
}
