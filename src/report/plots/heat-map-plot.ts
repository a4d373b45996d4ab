import { draw } from '../draw.ts';
import { type Html, html } from '../html.ts';

export interface HeatMap {
  readonly title: string;
  readonly note: string;
  /** By layer and KV head. */
  readonly cells: readonly { readonly layer: number; readonly head: number; readonly value: number }[];
  /** Differences have a middle at 0 and two colours. */
  readonly diverging: boolean;
  /** A cell's number. */
  readonly format: (value: number) => string;
}

/** Layers across, KV heads down; a cell's colour is its value. */
export async function heatMapPlot({ title, note, cells, diverging, format }: HeatMap): Promise<Html> {
  const layers = [...new Set(cells.map(({ layer }) => layer))].sort((a, b) => a - b);
  const heads = [...new Set(cells.map(({ head }) => head))].sort((a, b) => a - b);
  const values = cells.map(({ value }) => value);
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const reach = diverging ? Math.max(Math.abs(least), Math.abs(most)) : most;
  const share = (value: number) => (reach === 0 ? 0 : Math.abs(value) / reach);
  const filled = cells.map((cell) => ({
    ...cell,
    fill: diverging && cell.value < 0 ? 'var(--bad)' : 'var(--c1)',
    opacity: 0.06 + 0.94 * share(cell.value),
    ink: share(cell.value) > 0.5 ? 'var(--paper)' : 'var(--ink)',
    title: `layer ${cell.layer}, KV head ${cell.head}: ${format(cell.value)}`,
  }));
  // Wide enough for the numbers, if there are few.
  const isRoomy = layers.length <= 12;
  const svg = await draw(
    ({ cell, text }) => ({
      width: Math.max(240, 60 + layers.length * (isRoomy ? 58 : 24)),
      height: 54 + heads.length * 26,
      marginLeft: 46,
      marginBottom: 36,
      marginTop: 8,
      padding: 0.06,
      x: {
        domain: layers,
        label: 'layer',
        type: 'band',
        labelAnchor: 'center',
        labelArrow: 'none',
        tickSize: 0,
      },
      y: {
        domain: heads,
        label: 'KV head',
        type: 'band',
        labelAnchor: 'center',
        labelArrow: 'none',
        tickSize: 0,
      },
      marks: [
        cell(filled, { x: 'layer', y: 'head', fill: 'fill', fillOpacity: 'opacity', title: 'title', rx: 2 }),
        ...(isRoomy
          ? [
              text(filled, {
                x: 'layer',
                y: 'head',
                text: ({ value }: { value: number }) => format(value),
                fill: 'ink',
              }),
            ]
          : []),
      ],
    }),
    `${title}, by layer and KV head`,
  );
  return html`<figure class="plot">
<figcaption><b>${title}</b> <span class="soft">${format(least)} to ${format(most)}</span></figcaption>
${svg}
<p class="note">${note}</p>
</figure>`;
}
