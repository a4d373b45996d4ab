import stringWidth from 'string-width';
import type { Colors } from '../terminal.ts';
import { pad } from './wrap.ts';

export interface TableColumn {
  readonly title: string;
  readonly align?: 'left' | 'right';
}

/** A table with a dim head line. Cells may carry colours; the last column is not padded. */
export function renderTable(
  columns: readonly TableColumn[],
  rows: readonly (readonly string[])[],
  colors: Colors,
): string {
  const widths = columns.map(({ title }, x) =>
    Math.max(stringWidth(title), ...rows.map((row) => stringWidth(row[x] ?? ''))),
  );
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, x) => pad(cell, widths[x]!, columns[x]!.align === 'right' ? 'left' : 'right'))
      .join('  ')
      .trimEnd();
  const head = line(columns.map(({ title }) => colors.dim(title)));
  return [head, ...rows.map((row) => line(row))].join('\n');
}

/** Names and values in two columns: `fields` without a value are left out. */
export function renderFields(
  fields: readonly (readonly [name: string, value: string | null | undefined])[],
  colors: Colors,
): string {
  const shown = fields.filter((field): field is [string, string] => field[1] != null && field[1] !== '');
  const width = Math.max(...shown.map(([name]) => stringWidth(name)));
  return shown
    .map(([name, value]) => {
      const [first = '', ...rest] = value.split('\n');
      const below = rest.map((line) => `\n${' '.repeat(width + 2)}${line}`).join('');
      return `${colors.dim(pad(name, width))}  ${first}${below}`;
    })
    .join('\n');
}
