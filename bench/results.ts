/** One figure of a run, and how it stands to its target. */
import { type Measured, medianRatio } from './measure.ts';

export interface Result {
  readonly engine: string;
  readonly metric: string;
  readonly context: number | null;
  readonly rows: number | null;
  readonly median: number | null;
  /** Interquartile range over the median. */
  readonly spread: number | null;
  readonly target?: string;
  readonly reached?: boolean;
}

export function result(
  engine: string,
  metric: string,
  context: number | null,
  rows: number | null,
  { median, spread }: Pick<Measured, 'median' | 'spread'>,
): Result {
  return { engine, metric, context, rows, median, spread };
}

export function atLeast(figure: Result, bound: number): Result {
  return { ...figure, target: `>= ${bound}`, reached: figure.median !== null && figure.median >= bound };
}

export function atMost(figure: Result, bound: number): Result {
  return { ...figure, target: `<= ${bound}`, reached: figure.median !== null && figure.median <= bound };
}

/** a over b, round by round: what both cases share in a round cancels. */
export function ratio(a: Measured, b: Measured): Pick<Measured, 'median' | 'spread'> {
  return { median: medianRatio(a, b), spread: Math.hypot(a.spread, b.spread) };
}

const shown = (value: number | null, digits = 4) =>
  value === null ? '-' : Number(value.toPrecision(digits)).toString();

export function table(results: readonly Result[]): string {
  const rows = results.map((r) => [
    r.metric,
    r.context === null ? '' : String(r.context),
    r.rows === null ? '' : String(r.rows),
    r.engine,
    shown(r.median),
    r.spread === null ? '' : `${(100 * r.spread).toFixed(1)} %`,
    r.target ? `${r.target}: ${r.reached ? 'reached' : 'MISSED'}` : '',
  ]);
  const heads = ['metric', 'context', 'rows', 'engine', 'median', 'spread', 'target'];
  const widths = heads.map((head, i) => Math.max(head.length, ...rows.map((row) => row[i]!.length)));
  const numbers = new Set([1, 2, 4, 5]);
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) => (numbers.has(i) ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)))
      .join('  ')
      .trimEnd();
  return [line(heads), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}
