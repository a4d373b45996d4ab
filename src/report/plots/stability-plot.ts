import type { StabilityCurve } from '../../sweep/stability.ts';
import { draw } from '../draw.ts';
import { type Html, html } from '../html.ts';
import { coefficientNames, usableText } from '../usable-text.ts';

const WIDTH = 500;

/** Accuracy with its interval over the coefficient, degenerate answers below on the same scale, the usable range shaded. */
export async function stabilityPlot(curve: StabilityCurve): Promise<Html> {
  const points = curve.points.map(({ coefficient, summary }) => ({
    coefficient,
    accuracy: 100 * summary.accuracy,
    low: 100 * summary.interval[0],
    high: 100 * summary.interval[1],
    degenerate: 100 * summary.degenerate.share,
  }));
  const first = points[0]!.coefficient;
  const last = points.at(-1)!.coefficient;
  const range = curve.usable === null ? [] : [widened(curve)];
  const plain = points.find(({ coefficient }) => coefficient === 0);
  const colour = curve.method === 'cache' ? 'var(--c1)' : 'var(--c2)';
  const x = { domain: [first, last], ticks: 7, nice: false };
  const frame = { width: WIDTH, marginLeft: 52, marginRight: 18, marginTop: 26 };
  const label = `${coefficientNames[curve.axis]} of ${curve.method} steering`;

  const accuracy = await draw(
    ({ areaY, dot, line, rectX, ruleX, ruleY }) => ({
      ...frame,
      height: 222,
      marginBottom: 24,
      x: { ...x, label: null },
      y: { domain: [0, 100], label: 'right answers, %', grid: true, ticks: 5, labelArrow: 'none' },
      marks: [
        rectX(range, { x1: 'from', x2: 'to', fill: 'var(--usable)' }),
        areaY(points, { x: 'coefficient', y1: 'low', y2: 'high', fill: colour, fillOpacity: 0.16 }),
        ruleY(plain ? [plain.accuracy] : [], { stroke: 'var(--ink-soft)', strokeDasharray: '3,3' }),
        line(points, { x: 'coefficient', y: 'accuracy', stroke: colour, strokeWidth: 2 }),
        dot(points, { x: 'coefficient', y: 'accuracy', fill: colour, r: 3.5 }),
        ruleX(first < 0 && last > 0 ? [0] : [], { stroke: 'var(--line)' }),
      ],
    }),
    `Accuracy against ${label}`,
  );
  const degenerate = await draw(
    ({ areaY, dot, line, rectX, ruleX }) => ({
      ...frame,
      height: 132,
      marginBottom: 38,
      x: { ...x, label, labelAnchor: 'center', labelArrow: 'none' },
      y: { domain: [0, 100], label: 'degenerate, %', grid: true, ticks: 2, labelArrow: 'none' },
      marks: [
        rectX(range, { x1: 'from', x2: 'to', fill: 'var(--usable)' }),
        areaY(points, { x: 'coefficient', y: 'degenerate', fill: 'var(--bad)', fillOpacity: 0.16 }),
        line(points, { x: 'coefficient', y: 'degenerate', stroke: 'var(--bad)', strokeWidth: 2 }),
        dot(points, { x: 'coefficient', y: 'degenerate', fill: 'var(--bad)', r: 3 }),
        ruleX(first < 0 && last > 0 ? [0] : [], { stroke: 'var(--line)' }),
      ],
    }),
    `Degenerate answers against ${label}`,
  );
  return html`<figure class="plot">
<figcaption><b>${curve.method === 'cache' ? 'Cache steering' : 'Activation steering'}, ${coefficientNames[curve.axis]}</b>
<span class="soft">${curve.label}</span></figcaption>
${accuracy}${degenerate}
<p class="note">${usableText(curve)}</p>
</figure>`;
}

/** A single usable point still has to be seen: it is drawn as wide as a fiftieth of the axis. */
function widened({ points, usable }: StabilityCurve): { from: number; to: number } {
  const span = points.at(-1)!.coefficient - points[0]!.coefficient;
  const { from, to } = usable!;
  const least = span / 50;
  if (to - from >= least) return { from, to };
  return {
    from: Math.max(points[0]!.coefficient, from - least / 2),
    to: Math.min(points.at(-1)!.coefficient, to + least / 2),
  };
}
