/** One way to ask, and its record. */
import type { Engine, ResidualOffset } from '../engine/engine.ts';
import { InvalidArgumentError } from '../errors.ts';
import type { Offset } from '../pairs/offset-token.ts';
import { checkPlans } from '../steer/apply-plan.ts';
import type { SteeringPlan } from '../steer/plan.ts';
import type { ActivationPlan } from './activation.ts';
import { activationOffset } from './activation.ts';
import type { ConditionConfig, RecordedEdit, Sampling } from './run.ts';
import { hashFloats, hashVector } from './vector-hash.ts';

export interface Condition {
  /** Cache steering. Default null: none. */
  readonly plan?: SteeringPlan | readonly SteeringPlan[] | null;
  /** Activation steering. Default null: none. */
  readonly activation?: ActivationPlan | null;
  /** Appended to each question, e.g. a CoT prompt. Default none. */
  readonly suffix?: string;
  /** Few-shot turns before the question. Default none. */
  readonly examples?: readonly { readonly question: string; readonly answer: string }[];
  /** Default `"\n"`, the same for all, so that an edit is the only difference; null: none. */
  readonly offset?: Offset;
  /** Default null: greedy. */
  readonly sampling?: Sampling | null;
}

export const DEFAULT_OFFSET = '\n';

export function plansOf({ plan = null }: Condition): readonly SteeringPlan[] {
  if (plan === null) return [];
  return 'vector' in plan ? [plan] : plan;
}

export function residualOf({ activation = null }: Condition): readonly ResidualOffset[] | undefined {
  return activation === null
    ? undefined
    : [{ layer: activation.layer, offset: activationOffset(activation) }];
}

/** Cache length that plans are checked against before there is a cache: any prompt of a chat model is longer. */
const ANY_LENGTH = 64;

/**
 * Everything that the condition's answers depend on, vectors by hash, defaults filled in.
 *
 * @throws InvalidArgumentError, ModelMismatchError for a plan, activation or sampling that the model cannot take.
 */
export function recordCondition(condition: Condition, engine: Engine): ConditionConfig {
  const {
    activation = null,
    suffix = '',
    examples = [],
    offset = DEFAULT_OFFSET,
    sampling = null,
  } = condition;
  const { layers, hidden } = engine.model;
  if (activation !== null) {
    if (!engine.capabilities.residualTaps) {
      throw new InvalidArgumentError(
        'activation',
        'Activation steering needs residual taps, which this model lacks. Load it from its GGUF or safetensors checkpoint, or leave the condition out.',
      );
    }
    if (!Number.isInteger(activation.layer) || activation.layer < 0 || activation.layer >= layers) {
      throw new InvalidArgumentError(
        'layer',
        `Activation steering: there is no layer ${activation.layer}. This model has layers 0 to ${layers - 1}.`,
      );
    }
    if (activation.vector.hidden.length !== layers * hidden) {
      throw new InvalidArgumentError(
        'activation',
        `Expected an activation vector [${layers}, ${hidden}], found ${activation.vector.hidden.length} numbers. Extract it with this model.`,
      );
    }
  }
  if (
    sampling !== null &&
    !(sampling.temperature > 0 && Number.isSafeInteger(sampling.draws) && sampling.draws >= 1)
  ) {
    throw new InvalidArgumentError(
      'sampling',
      `Sampling needs a temperature above 0 and at least one draw, found ${sampling.temperature} and ${sampling.draws}.`,
    );
  }
  return {
    edits: plansOf(condition).map((plan) => recordEdit(plan, engine)),
    activation: activation && {
      vector: hashFloats(activation.vector.hidden),
      layer: activation.layer,
      strength: activation.strength,
      tokens: activation.tokens,
    },
    suffix,
    examples: examples.map(({ question, answer }) => ({ question, answer })),
    offset,
    sampling,
  };
}

function recordEdit(plan: SteeringPlan, engine: Engine): RecordedEdit {
  const length = Math.max(ANY_LENGTH, plan.position ?? 0);
  const [{ values, keys, layers, heads, position, vector, centroids }] = checkPlans(plan, engine, length) as [
    ReturnType<typeof checkPlans>[number],
  ];
  return {
    vector: hashVector(vector),
    aggregation: vector.aggregation,
    recipe: vector.recipe,
    values,
    keys,
    layers,
    heads,
    position: length - position,
    ...(centroids !== undefined && { centroids }),
  };
}
