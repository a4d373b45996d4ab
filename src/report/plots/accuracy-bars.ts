import type { ConditionConfig, ConditionSummary, RunConfig } from '../../evaluate/run.ts';
import { draw, shortName } from '../draw.ts';
import type { Html } from '../html.ts';
import { percent, percentInterval } from '../numbers.ts';
import { isControl } from '../verdict.ts';

/** A bar a condition with its 95 % interval; the baseline's accuracy as a dashed line. */
export function accuracyBars(
  conditions: readonly (readonly [name: string, summary: ConditionSummary])[],
  { conditions: configured, baseline }: RunConfig,
): Promise<Html> {
  const bars = conditions.map(([name, { accuracy, interval }]) => ({
    name,
    accuracy: 100 * accuracy,
    low: 100 * interval[0],
    high: 100 * interval[1],
    text: `${percent(accuracy)} ${percentInterval(interval)}`,
    ...colours(configured[name]),
  }));
  const reference = bars.find(({ name }) => name === baseline);
  const longest = Math.max(...bars.map(({ name }) => shortName(name).length));
  return draw(
    ({ barX, ruleX, ruleY, text, axisY }) => ({
      width: 760,
      height: 44 + 30 * bars.length,
      marginLeft: 14 + 6.6 * longest,
      marginRight: 130,
      marginBottom: 36,
      x: { domain: [0, 100], label: 'right answers, %', ticks: 5, labelAnchor: 'center', labelArrow: 'none' },
      y: { domain: bars.map(({ name }) => name), label: null },
      marks: [
        axisY({ tickSize: 0, tickFormat: (name: string) => shortName(name) }),
        barX(bars, {
          x: 'accuracy',
          y: 'name',
          fill: 'fill',
          stroke: 'stroke',
          insetTop: 4,
          insetBottom: 4,
          rx: 2,
        }),
        ruleX(reference ? [reference.accuracy] : [], { stroke: 'var(--ink-soft)', strokeDasharray: '3,3' }),
        ruleY(bars, { y: 'name', x1: 'low', x2: 'high', stroke: 'var(--ink)', strokeWidth: 1.5 }),
        text(bars, { y: 'name', x: 100, dx: 8, text: 'text', textAnchor: 'start', fill: 'var(--ink)' }),
        ruleX([0], { stroke: 'var(--line)' }),
      ],
    }),
    `Accuracy of ${bars.length} conditions with 95 % intervals`,
  );
}

/** By what a condition adds: cache steering, activation steering, nothing; a control is an outline. */
function colours(condition: ConditionConfig | undefined): { readonly fill: string; readonly stroke: string } {
  if (isControl(condition)) return { fill: 'none', stroke: 'var(--c1)' };
  if (condition?.activation) return { fill: 'var(--c2)', stroke: 'none' };
  return { fill: condition?.edits.length ? 'var(--c1)' : 'var(--muted-bar)', stroke: 'none' };
}
