import type { Engine } from '../../engine/engine.ts';
import type { ActivationPlan, ActivationVector } from '../../evaluate/activation.ts';
import type { RunConfig } from '../../evaluate/run.ts';
import type { TuneOptions, TuneRecord } from '../../evaluate/tune.ts';
import type { Task } from './task.ts';

export type TunedActivation = Readonly<Record<ActivationPlan['tokens'], TuneRecord | null>>;

/**
 * Activation steering's layer and strength, chosen on validation as carefully as ours: the best accuracy, the weakest
 * setting within two points of it. A run that was begun has chosen already.
 */
export async function tuneActivation(
  engine: Engine,
  vector: ActivationVector,
  kinds: readonly ActivationPlan['tokens'][],
  validation: Task,
  { offset, ...options }: Omit<TuneOptions, 'budget'> & { readonly offset: string },
  begun: RunConfig | null,
): Promise<{
  readonly plans: Partial<Record<ActivationPlan['tokens'], ActivationPlan>>;
  readonly record: TunedActivation;
}> {
  const { activationSettings, choose } = await import('../../evaluate/tune.ts');
  const before = (begun?.tuned as { readonly activation?: TunedActivation } | null)?.activation;
  const record: Record<ActivationPlan['tokens'], TuneRecord | null> = { every: null, last: null };
  const plans: Partial<Record<ActivationPlan['tokens'], ActivationPlan>> = {};
  for (const kind of kinds) {
    const settings = activationSettings(vector, kind);
    const conditions = Object.fromEntries(
      Object.entries(settings).map(([name, activation]) => [name, { activation, offset }]),
    );
    const { out, ...rest } = options;
    const chosen =
      before?.[kind] ??
      (await choose(engine, validation.questions, conditions, {
        ...rest,
        task: validation,
        ...(out !== undefined && { out: `${out}/activation-${kind}` }),
      }));
    record[kind] = chosen;
    plans[kind] = settings[chosen.chosen]!;
  }
  return { plans, record };
}
