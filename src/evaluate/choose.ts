import type { ConditionSummary } from './run.ts';

/** What a setting may cost. */
export interface Budget {
  /** Mean tokens of an answer. */
  readonly tokens?: number;
  /** Mean KL(plain || steered) a token on unrelated text, nats. */
  readonly kl?: number;
}

/** One setting that was tried. */
export interface TriedSetting {
  readonly name: string;
  readonly accuracy: number;
  readonly tokens: number;
  readonly kl: number | null;
  /** Within the budget. */
  readonly affordable: boolean;
  /** Affordable, and near the best affordable accuracy. */
  readonly usable: boolean;
}

/** A setting within so much of the best is as good: more cannot be told apart on a few hundred questions. */
export const NEAR_BEST = 0.02;

/**
 * The stated objective: the best accuracy that the budget allows. Of the settings within 2 points of it the first is chosen,
 * so settings are given from the smallest edit to the largest.
 *
 * @returns `chosen` is null where no setting keeps the budget.
 */
export function chooseSetting(
  conditions: Readonly<Record<string, ConditionSummary>>,
  names: readonly string[],
  { tokens = Infinity, kl = Infinity }: Budget = {},
): { readonly chosen: string | null; readonly tried: readonly TriedSetting[] } {
  const settings = names.map((name) => {
    const { accuracy, tokens: written, sideEffects } = conditions[name]!;
    const divergence = sideEffects?.kl ?? null;
    const affordable = written <= tokens && (kl === Infinity || (divergence !== null && divergence <= kl));
    return { name, accuracy, tokens: written, kl: divergence, affordable };
  });
  const best = Math.max(...settings.filter(({ affordable }) => affordable).map(({ accuracy }) => accuracy));
  // Shares of counts: 0.96 - 0.02 must reach 0.94 in float64 too.
  const tried = settings.map((setting) => ({
    ...setting,
    usable: setting.affordable && setting.accuracy >= best - NEAR_BEST - 1e-9,
  }));
  return { chosen: tried.find(({ usable }) => usable)?.name ?? null, tried };
}
