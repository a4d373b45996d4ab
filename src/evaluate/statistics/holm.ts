import { InvalidArgumentError } from '../../errors.ts';

/**
 * Holm's step-down adjusted p-values (Holm 1979, Scandinavian Journal of Statistics 6:65), in the order given: the
 * chance of one false claim among all comparisons with an adjusted p below 0.05 is at most 5 %.
 *
 * @throws InvalidArgumentError for a p outside [0, 1].
 */
export function holm(ps: readonly number[]): number[] {
  const bad = ps.find((p) => !(p >= 0 && p <= 1));
  if (bad !== undefined) throw new InvalidArgumentError('ps', `Expected p-values from 0 to 1, found ${bad}.`);
  const order = ps.map((_, i) => i).sort((a, b) => ps[a]! - ps[b]!);
  const adjusted = new Array<number>(ps.length);
  let greatest = 0;
  for (const [rank, i] of order.entries()) {
    greatest = Math.max(greatest, Math.min(1, (ps.length - rank) * ps[i]!));
    adjusted[i] = greatest;
  }
  return adjusted;
}
