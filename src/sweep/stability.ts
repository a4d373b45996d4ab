/** How accuracy and degeneration move with a coefficient, and where that coefficient is usable. */
import type { ConditionConfig, ConditionSummary, RunConfig, RunSummary } from '../evaluate/run.ts';
import { canonicalJson, type Json } from './content-hash.ts';

/** c_v and c_k of cache steering; the strength of activation steering. */
export type Axis = 'values' | 'keys' | 'strength';

export interface CurvePoint {
  readonly coefficient: number;
  readonly condition: string;
  readonly summary: ConditionSummary;
}

/** Conditions that differ in one coefficient and in nothing else. */
export interface StabilityCurve {
  readonly axis: Axis;
  readonly method: 'cache' | 'activation';
  /** What the points share, in words: layers, the other coefficient, and so on. */
  readonly label: string;
  /** Ascending by coefficient, at least two; 0 is the condition without edit that asks alike, where the run has one. */
  readonly points: readonly CurvePoint[];
  readonly usable: UsableRange | null;
}

/**
 * Neighbouring coefficients around the most accurate one where the 95 % interval still reaches its accuracy and degenerate
 * answers are at most {@link MORE_DEGENERATE} more than without an edit (than the least degenerate point where the run has
 * none).
 */
export interface UsableRange {
  readonly from: number;
  readonly to: number;
  /** The most accurate coefficient; of equals the one nearest to 0. */
  readonly best: number;
}

/** Points of share, [0, 1]. */
export const MORE_DEGENERATE = 0.05;

const AXES: readonly Axis[] = ['values', 'keys', 'strength'];

/** The curves that a run's conditions make: in the order of the configuration. */
export function stabilityCurves(config: RunConfig, summary: RunSummary): StabilityCurve[] {
  return AXES.flatMap((axis) => curvesAlong(axis, config, summary)).sort(
    (a, b) => Number(a.method === 'activation') - Number(b.method === 'activation'),
  );
}

function curvesAlong(axis: Axis, config: RunConfig, summary: RunSummary): StabilityCurve[] {
  const groups = new Map<string, { one: ConditionConfig; points: CurvePoint[] }>();
  const plain = new Map<string, CurvePoint>();
  for (const [name, condition] of Object.entries(config.conditions)) {
    const found = summary.conditions[name];
    if (found === undefined) continue;
    if (condition.edits.length === 0 && condition.activation === null) {
      plain.set(askedAs(condition), { coefficient: 0, condition: name, summary: found });
    }
    const coefficient = coefficientOf(axis, condition);
    if (coefficient === null) continue;
    const key = canonicalJson(withCoefficient(axis, condition, 0) as unknown as Json);
    const group = groups.get(key) ?? { one: condition, points: [] };
    group.points.push({ coefficient, condition: name, summary: found });
    groups.set(key, group);
  }
  return [...groups.values()].flatMap(({ one, points }) => {
    const distinct = new Map(points.map((point) => [point.coefficient, point]));
    if (distinct.size < 2) return [];
    const zero = plain.get(askedAs(one));
    // Without a value edit there may still be a key edit: only where nothing else is added is 0 the plain condition.
    if (zero !== undefined && !distinct.has(0) && isAloneAlong(axis, one)) distinct.set(0, zero);
    const sorted = [...distinct.values()].sort((a, b) => a.coefficient - b.coefficient);
    return [
      {
        axis,
        method: axis === 'strength' ? ('activation' as const) : ('cache' as const),
        label: labelOf(axis, one),
        points: sorted,
        usable: usableRange(sorted, zero?.summary ?? null),
      },
    ];
  });
}

function coefficientOf(axis: Axis, { edits, activation }: ConditionConfig): number | null {
  if (axis === 'strength') return edits.length === 0 && activation ? activation.strength : null;
  return edits.length === 1 && activation === null ? edits[0]![axis] : null;
}

function withCoefficient(axis: Axis, condition: ConditionConfig, coefficient: number): ConditionConfig {
  const { edits, activation } = condition;
  return axis === 'strength'
    ? { ...condition, activation: activation && { ...activation, strength: coefficient } }
    : { ...condition, edits: edits.map((edit) => ({ ...edit, [axis]: coefficient })) };
}

function isAloneAlong(axis: Axis, { edits }: ConditionConfig): boolean {
  if (axis === 'strength') return true;
  return edits[0]![axis === 'values' ? 'keys' : 'values'] === 0;
}

function askedAs(condition: ConditionConfig): string {
  return canonicalJson({ ...condition, edits: [], activation: null } as unknown as Json);
}

function labelOf(axis: Axis, { edits, activation, suffix }: ConditionConfig): string {
  const [edit] = edits;
  const parts: string[] = [];
  if (activation !== null) {
    parts.push(`layer ${activation.layer}`, activation.tokens === 'every' ? 'every token' : 'last token');
  }
  if (edit !== undefined) {
    if (edit.aggregation !== 'mean') parts.push(edit.aggregation);
    parts.push(`layers ${rangesOf(edit.layers)}`);
    const other = axis === 'values' ? 'keys' : 'values';
    if (edit[other] !== 0) parts.push(`${other === 'keys' ? 'c_k' : 'c_v'} ${edit[other]}`);
    if (edit.position !== 1) parts.push(`position ${edit.position} from the end`);
    parts.push(`vector ${edit.vector.slice(0, 8)}`);
  }
  if (suffix !== '') parts.push(JSON.stringify(suffix.trim()));
  return parts.join(', ');
}

function rangesOf(sorted: readonly number[]): string {
  const [first, last] = [sorted[0], sorted.at(-1)];
  if (first === undefined || last === undefined) return 'none';
  if (first === last) return `${first}`;
  return last - first === sorted.length - 1 ? `${first}-${last}` : sorted.join(', ');
}

/** @param points ascending. @param plain the condition without edit, where there is one. */
export function usableRange(
  points: readonly CurvePoint[],
  plain: ConditionSummary | null,
): UsableRange | null {
  const least = plain?.degenerate.share ?? Math.min(...points.map(({ summary }) => summary.degenerate.share));
  const isFluent = ({ summary }: CurvePoint) => summary.degenerate.share <= least + MORE_DEGENERATE;
  const fluent = points.filter(isFluent);
  if (fluent.length === 0) return null;
  const best = fluent.reduce((a, b) => {
    const gain = b.summary.accuracy - a.summary.accuracy;
    const isNearer = Math.abs(b.coefficient) < Math.abs(a.coefficient);
    return gain > 0 || (gain === 0 && isNearer) ? b : a;
  });
  const isUsable = (point: CurvePoint | undefined) =>
    point !== undefined && isFluent(point) && point.summary.interval[1] >= best.summary.accuracy;
  let [from, to] = [points.indexOf(best), points.indexOf(best)];
  while (isUsable(points[from - 1])) from--;
  while (isUsable(points[to + 1])) to++;
  return { from: points[from]!.coefficient, to: points[to]!.coefficient, best: best.coefficient };
}
