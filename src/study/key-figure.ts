import { draw } from '../report/draw.ts';
import { escapeHtml } from '../report/html.ts';
import { conditionLabels } from './key-effects.ts';
import type { KeyStudy } from './study-keys.ts';

const ink = '#1d2327';
const soft = '#5d6870';
const gap = 24;
const titleHeight = 40;
/** The titles need this much. */
const narrowest = 420;

interface Panel {
  readonly title: string;
  readonly note: string;
  readonly svg: string;
  readonly width: number;
  readonly height: number;
}

/** The study as one SVG file: norms and artefact share by layer and KV head, and the gap under each condition. */
export async function keyFigure(study: KeyStudy): Promise<string> {
  const { heads, artefact } = study.differences;
  const [left, right] = [
    await Promise.all([
      heatMap('Post-RoPE key difference, norm', heads.postRopeNorms, null),
      heatMap('Un-rotated key difference, norm', heads.unrotatedNorms, null),
    ]),
    await Promise.all([
      heatMap('Share of the post-RoPE difference that is position alone', heads.artefactShares, 1),
      heatMap('Value difference, norm', heads.valueNorms, null),
    ]),
  ];
  const columnWidth = Math.max(narrowest, ...[...left, ...right].map(({ width }) => width));
  const width = 2 * columnWidth + 3 * gap;
  const effects = await effectPlot(study, width - 2 * gap);
  const { positions, pairs } = study.differences;
  const { values, keys, questions } = study.configuration;
  const caption =
    `${study.model.name}, ${study.precision}; ${pairs.count} pairs, mean positions ${Math.round(positions.positive)} and ` +
    `${Math.round(positions.negative)}; artefact cosine ${artefact.cosine.overall.toFixed(3)}; ` +
    `c_v ${values}, c_k ${keys}, ${questions} held-out questions`;
  const parts: string[] = [text(gap, 22, caption, soft, 12)];
  let y = 34;
  for (const [i, panel] of left.entries()) {
    const beside = right[i]!;
    parts.push(place(panel, gap, y), place(beside, 2 * gap + columnWidth, y));
    y += titleHeight + Math.max(panel.height, beside.height) + 12;
  }
  parts.push(place(effects, gap, y));
  y += titleHeight + effects.height + 12;
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${y}" viewBox="0 0 ${width} ${y}" role="img" ` +
    `aria-label="${escapeHtml(caption)}"><rect width="${width}" height="${y}" fill="#ffffff"/>\n${parts.join('\n')}\n</svg>\n`
  );
}

function place({ title, note, svg }: Panel, x: number, y: number): string {
  const at = `<svg x="${x}" y="${y + titleHeight}" `;
  return text(x, y + 16, title, ink, 13, 600) + text(x, y + 32, note, soft, 11) + svg.replace('<svg ', at);
}

function text(x: number, y: number, content: string, fill: string, size: number, weight = 400): string {
  return `<text x="${x}" y="${y}" fill="${fill}" font-family="system-ui, sans-serif" font-size="${size}" font-weight="${weight}">${escapeHtml(content)}</text>`;
}

/** Layers across, KV heads down. @param values [L][H], zero or more. @param most the scale's end; null: the largest value. */
async function heatMap(
  title: string,
  values: readonly (readonly number[])[],
  most: number | null,
): Promise<Panel> {
  const cells = values.flatMap((row, layer) => row.map((value, head) => ({ layer, head, value })));
  const end = most ?? Math.max(...cells.map(({ value }) => value), Number.MIN_VALUE);
  const cellSize = Math.max(9, Math.min(56, Math.floor(460 / values.length)));
  const layers = values.map((_, layer) => layer);
  const heads = (values[0] ?? []).map((_, head) => head);
  const width = 52 + layers.length * cellSize;
  const height = 40 + heads.length * Math.max(18, Math.min(26, cellSize));
  const svg = await draw(
    ({ cell }) => ({
      width,
      height,
      marginLeft: 44,
      marginRight: 8,
      marginTop: 2,
      marginBottom: 38,
      padding: 0.04,
      style: { color: soft },
      x: {
        domain: layers,
        type: 'band',
        label: 'layer',
        labelAnchor: 'center',
        labelArrow: 'none',
        tickSize: 0,
        ticks: layers.filter((layer) => cellSize > 20 || layer % 5 === 0),
      },
      y: {
        domain: heads,
        type: 'band',
        label: 'KV head',
        labelAnchor: 'center',
        labelArrow: 'none',
        tickSize: 0,
      },
      color: { type: 'linear', scheme: 'YlGnBu', domain: [0, end] },
      marks: [
        cell(cells, {
          x: 'layer',
          y: 'head',
          fill: 'value',
          title: ({ layer, head, value }: (typeof cells)[number]) =>
            `layer ${layer}, KV head ${head}: ${value.toPrecision(3)}`,
        }),
      ],
    }),
    `${title}, by layer and KV head`,
  );
  const least = Math.min(...cells.map(({ value }) => value));
  const largest = Math.max(...cells.map(({ value }) => value));
  const note = `${brief(least)} to ${brief(largest)}; darkest: ${most ?? brief(largest)}`;
  return { title, note, svg: svg.text, width, height };
}

/** Float32 rounding is no norm. */
function brief(value: number): string {
  return value < 1e-4 ? '0' : value.toPrecision(3);
}

async function effectPlot({ effects }: KeyStudy, width: number): Promise<Panel> {
  const rows = effects.map(({ condition, gap: { mean, interval } }) => ({
    condition: conditionLabels[condition],
    mean,
    low: interval[0],
    high: interval[1],
  }));
  const draws = effects.flatMap((effect) =>
    (effect.draws ?? []).map((mean) => ({ condition: conditionLabels[effect.condition], mean })),
  );
  const height = 46 + rows.length * 24;
  const values = rows.find(({ condition }) => condition === conditionLabels.values)?.mean ?? 0;
  const svg = await draw(
    ({ dot, ruleX, ruleY }) => ({
      width,
      height,
      marginLeft: 240,
      marginRight: 16,
      marginTop: 4,
      marginBottom: 40,
      style: { color: soft },
      x: { label: 'log-probability a token: trace less short answer', labelAnchor: 'center', grid: true },
      y: {
        domain: rows.map(({ condition }) => condition),
        type: 'point',
        label: null,
        tickSize: 0,
        padding: 0.6,
      },
      marks: [
        ruleX([values], { stroke: soft, strokeDasharray: '3 3' }),
        dot(draws, { x: 'mean', y: 'condition', r: 3, stroke: '#b8671f', strokeOpacity: 0.8 }),
        ruleY(rows, { x1: 'low', x2: 'high', y: 'condition', stroke: '#2f6fb4', strokeWidth: 2 }),
        dot(rows, { x: 'mean', y: 'condition', r: 4, fill: '#2f6fb4' }),
      ],
    }),
    'The gap between traces and short answers under each condition',
  );
  return {
    title: 'How far a reasoning trace is preferred to a short answer',
    note: 'Mean and 95 % bootstrap interval over questions; rings: single random draws; dashed: values only',
    svg: svg.text,
    width,
    height,
  };
}
