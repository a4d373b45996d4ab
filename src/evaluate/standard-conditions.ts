import { InvalidArgumentError } from '../errors.ts';
import type { Offset } from '../pairs/offset-token.ts';
import type { SteeringPlan } from '../steer/plan.ts';
import { randomVector } from '../vectors/random-vector.ts';
import type { SteeringVector } from '../vectors/vector.ts';
import type { ActivationPlan } from './activation.ts';
import { type Condition, DEFAULT_OFFSET } from './condition.ts';
import type { Sampling } from './run.ts';

/** The conditions that a claim about steering needs, in the order of the table, with what each says in words. */
export const standardConditionNames = {
  plain: 'the question alone',
  offset: 'the offset token only',
  cot: 'a CoT prompt',
  'few-shot': 'worked examples before the question',
  sampled: 'drawn instead of greedy, several answers a question',
  activation: 'activation steering at every generated token, tuned',
  'activation-last': 'activation steering at the last prompt token only, tuned',
  steered: 'cache steering',
  'steered+cot': 'cache steering and a CoT prompt',
  random: 'a random vector of the same norm',
  shuffled: 'the vector of the same pairs with labels shuffled, same norm',
  negative: 'cache steering with the coefficient negated',
} as const;

export type StandardCondition = keyof typeof standardConditionNames;

/** What the conditions are made of; a condition whose part is missing cannot be asked for. */
export interface ConditionParts {
  /** Default `"\n"`; of all conditions but `plain`. Null: none anywhere. */
  readonly offset?: Offset;
  /** Appended to the question by the CoT conditions. Default `COT_PROMPT`. */
  readonly cot?: string;
  /** For the steered conditions; with several, `steered` is there once for each, named by its coefficient. */
  readonly plans?: readonly SteeringPlan[];
  readonly examples?: Condition['examples'];
  /** Default temperature 0.7, 3 draws. */
  readonly sampling?: Sampling;
  readonly activation?: ActivationPlan;
  readonly activationLast?: ActivationPlan;
  /** See `shuffleLabels` and `withNormsOf`. */
  readonly shuffled?: SteeringVector;
  /** Of the random vector. Default 1. */
  readonly seed?: number;
}

/** As in the published comparison. */
export const COT_PROMPT = " Let's think step by step.";
const DEFAULT_SAMPLING: Sampling = { temperature: 0.7, draws: 3 };

/** The standard conditions that the parts are enough for, in order. */
export function possibleConditions(parts: ConditionParts): StandardCondition[] {
  const names = Object.keys(standardConditionNames) as StandardCondition[];
  return names.filter((name) => missingPart(name, parts) === null);
}

/**
 * The standard conditions of these names, in the order of the names. The controls `steered+cot`, `random`, `shuffled` and `negative`
 * go with the first plan.
 *
 * @throws InvalidArgumentError for an unknown name or a missing part.
 */
export function standardConditions(
  names: readonly string[],
  parts: ConditionParts,
): Record<string, Condition> {
  const all: Record<string, Condition> = {};
  for (const name of names) {
    if (!Object.hasOwn(standardConditionNames, name)) {
      throw new InvalidArgumentError(
        'conditions',
        `There is no condition "${name}". Choose from ${Object.keys(standardConditionNames).join(', ')}.`,
      );
    }
    const missing = missingPart(name as StandardCondition, parts);
    if (missing !== null) {
      throw new InvalidArgumentError('conditions', `The condition "${name}" needs ${missing}.`);
    }
    Object.assign(all, made(name as StandardCondition, parts));
  }
  return all;
}

function missingPart(name: StandardCondition, parts: ConditionParts): string | null {
  const hasPlan = (parts.plans ?? []).length > 0;
  switch (name) {
    case 'plain':
    case 'cot':
    case 'sampled':
      return null;
    case 'offset':
      return parts.offset === null ? 'an offset token' : null;
    case 'few-shot':
      return (parts.examples ?? []).length > 0 ? null : 'worked examples';
    case 'activation':
      return parts.activation ? null : 'an activation vector, from contrastive pairs';
    case 'activation-last':
      return parts.activationLast ? null : 'an activation vector, from contrastive pairs';
    case 'steered':
    case 'steered+cot':
    case 'random':
    case 'negative':
      return hasPlan ? null : 'a steering vector';
    case 'shuffled':
      return !hasPlan ? 'a steering vector' : parts.shuffled ? null : 'the contrastive pairs of the vector';
  }
}

function made(name: StandardCondition, parts: ConditionParts): Record<string, Condition> {
  const { offset = DEFAULT_OFFSET, cot: suffix = COT_PROMPT, plans = [], seed = 1 } = parts;
  const plan = plans[0]!;
  switch (name) {
    case 'plain':
      return { plain: { offset: null } };
    case 'offset':
      return { offset: { offset } };
    case 'cot':
      return { cot: { offset, suffix } };
    case 'few-shot':
      return { 'few-shot': { offset, examples: parts.examples! } };
    case 'sampled':
      return { sampled: { offset, sampling: parts.sampling ?? DEFAULT_SAMPLING } };
    case 'activation':
      return { activation: { offset, activation: parts.activation! } };
    case 'activation-last':
      return { 'activation-last': { offset, activation: parts.activationLast! } };
    case 'steered':
      return Object.fromEntries(
        plans.map((one, i) => [
          i === 0 ? 'steered' : `steered ${one.values ?? one.vector.recommended.values ?? 1}`,
          { offset, plan: one },
        ]),
      );
    case 'steered+cot':
      return { 'steered+cot': { offset, suffix, plan } };
    case 'random':
      return { random: { offset, plan: { ...plan, vector: randomVector(plan.vector, seed) } } };
    case 'shuffled':
      return { shuffled: { offset, plan: { ...plan, vector: parts.shuffled! } } };
    case 'negative':
      return {
        negative: { offset, plan: { ...plan, values: -valuesOf(plan), keys: -keysOf(plan) } },
      };
  }
}

function valuesOf({ values, vector }: SteeringPlan): number {
  return values ?? vector.recommended.values ?? 1;
}

/** Never -0, which a record would show. */
function keysOf({ keys, vector }: SteeringPlan): number {
  return keys ?? vector.recommended.keys ?? 0;
}
