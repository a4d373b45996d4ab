import type { Colors } from '../terminal.ts';
import { pad } from './wrap.ts';

export interface HeatMap {
  readonly title: string;
  /** [L][H], zero or more. */
  readonly values: readonly (readonly number[])[];
}

/** Steps of the xterm 256-colour palette from dark blue over teal and green to yellow, and as shades without colour. */
const RAMP = [17, 18, 24, 30, 36, 42, 78, 114, 150, 186, 222, 228] as const;
const SHADES = [' ', '·', '░', '▒', '▓', '█'] as const;
const MAX_CELL = 3;

/**
 * Layers from left to right, heads from top to bottom: a model has many more layers than KV heads. Where the terminal is too
 * narrow for all layers, they go on in a further band. The scale runs from zero to the largest value, so that bands, and
 * the eye, compare lengths.
 */
export function renderHeatMap({ title, values }: HeatMap, width: number, colors: Colors): string {
  const layers = values.length;
  const heads = values[0]?.length ?? 0;
  const largest = Math.max(0, ...values.flat());
  const margin = `head ${heads - 1} `.length;
  const room = Math.max(1, width - margin - 1);
  const cell = Math.max(1, Math.min(MAX_CELL, Math.floor(room / layers)));
  const band = Math.min(layers, Math.max(5, Math.floor(room / cell)));
  const paint = (value: number) => paintCell(largest === 0 ? 0 : value / largest, cell, colors);

  const lines = [`${colors.bold(title)}  ${legend(largest, colors)}`];
  for (let start = 0; start < layers; start += band) {
    const shown = values.slice(start, start + band);
    for (let head = 0; head < heads; head++) {
      const label = colors.dim(pad(`head ${head}`, margin));
      lines.push(label + shown.map((row) => paint(row[head] ?? 0)).join(''));
    }
    lines.push(colors.dim(pad('layer', margin) + axis(start, shown.length, cell)));
  }
  return lines.join('\n');
}

function paintCell(share: number, width: number, colors: Colors): string {
  const step = (count: number) => Math.min(count - 1, Math.max(0, Math.ceil(share * (count - 1))));
  if (!colors.isColorSupported) return SHADES[step(SHADES.length)]!.repeat(width);
  return `\u001b[48;5;${RAMP[step(RAMP.length)]}m${' '.repeat(width)}\u001b[49m`;
}

function legend(largest: number, colors: Colors): string {
  const steps = colors.isColorSupported ? RAMP.length : SHADES.length;
  const ramp = Array.from({ length: steps }, (_, i) => paintCell(i / (steps - 1), 1, colors)).join('');
  return `${colors.dim('0')} ${ramp} ${colors.dim(largest.toPrecision(3))}`;
}

/** Numbers under every fifth layer; more rarely where cells are one column wide. */
function axis(start: number, count: number, cell: number): string {
  const every = cell === 1 ? 10 : 5;
  let line = '';
  for (let i = 0; i < count; i++) {
    if ((start + i) % every === 0) line = `${pad(line, i * cell)}${start + i}`;
  }
  return line;
}
