import type { StabilityCurve } from '../sweep/stability.ts';
import { amount, percent } from './numbers.ts';

export const coefficientNames = { values: 'c_v', keys: 'c_k', strength: 'strength' } as const;

/** The usable range in a sentence, for both forms of the report. */
export function usableText({ usable, points, axis }: StabilityCurve): string {
  const name = coefficientNames[axis];
  if (usable === null) return `No ${name} tried leaves the answers fluent.`;
  const { from, to, best } = usable;
  const top = points.find(({ coefficient }) => coefficient === best)!.summary;
  const span = from === to ? `${name} ${amount(from)} only` : `${name} from ${amount(from)} to ${amount(to)}`;
  const includesPlain = from <= 0 && to >= 0 && points.some(({ coefficient }) => coefficient === 0);
  return (
    `Usable of those tried: ${span}; best at ${amount(best)} (${percent(top.accuracy)} %).` +
    (includesPlain ? ' The plain answers are within it: no gain is shown.' : '')
  );
}
