import type { Colors } from '../terminal.ts';
import { pad, wrapText } from './wrap.ts';

export interface Column {
  readonly title: string;
  readonly text: string;
  /** Lines under the text, e.g. tokens and time. */
  readonly notes: readonly string[];
}

const GAP = ' │ ';
/** Narrower columns are unreadable: then they are put one below the other. */
const MIN_COLUMN = 20;

/** Texts side by side in `width` terminal columns, titles above, notes below; no line feed at the end. */
export function renderColumns(columns: readonly Column[], width: number, colors: Colors): string {
  const each = Math.floor((width - GAP.length * (columns.length - 1)) / columns.length);
  if (each < MIN_COLUMN && columns.length > 1) {
    return columns.map((column) => renderColumns([column], width, colors)).join('\n\n');
  }
  const texts = columns.map((column) => wrapText(column.text, each));
  const notes = columns.map((column) => column.notes.flatMap((note) => wrapText(note, each)));
  const row = (cells: readonly string[]) =>
    cells
      .map((cell) => pad(cell, each))
      .join(colors.dim(GAP))
      .trimEnd();
  const rule = colors.dim(columns.map(() => '─'.repeat(each)).join('─┼─'));
  const titles = columns.map((column) => wrapText(column.title, each));
  return [
    ...rowsOf(titles).map((cells) => row(cells.map((cell) => colors.bold(cell)))),
    rule,
    ...rowsOf(texts).map((cells) => row(cells)),
    rule,
    ...rowsOf(notes).map((cells) => row(cells.map((cell) => colors.dim(cell)))),
  ].join('\n');
}

/** Lines of each column to rows over all columns, shorter columns filled with empty cells. */
function rowsOf(columns: readonly (readonly string[])[]): string[][] {
  const height = Math.max(...columns.map((lines) => lines.length));
  return Array.from({ length: height }, (_, y) => columns.map((lines) => lines[y] ?? ''));
}
