import { readCsvRows } from './csv-rows.ts';
import { detectFormat } from './file-format.ts';
import { readJsonLines } from './json-lines.ts';
import { readJsonRows } from './json-rows.ts';
import { readParquetRows } from './parquet-rows.ts';

/** A row as the file holds it. */
export interface Row {
  /** Line of the file, from 1 (of a CSV record its last); in Parquet and JSON files the row, from 1. */
  readonly line: number;
  readonly value: unknown;
}

export interface RowOptions {
  readonly signal?: AbortSignal | undefined;
  /** Told of a row that the format does not allow; reading goes on with the next. */
  readonly onBadRow: (line: number, why: string) => void;
}

/** Rows of a file, more than which nobody trains or tests a steering vector on. */
const MAX_ROWS = 5_000_000;

/**
 * The rows of a JSONL, JSON, CSV, TSV or Parquet file. Memory holds one line, or one row group of Parquet, or a whole
 * JSON list (at most 256 MiB).
 *
 * @throws InvalidFileError where the file is none of these or damaged; the signal's reason.
 */
export async function* readRows(path: string, options: RowOptions): AsyncGenerator<Row> {
  options.signal?.throwIfAborted();
  const { signal, onBadRow } = options;
  const format = await detectFormat(path);
  switch (format) {
    case 'jsonl':
      yield* readJsonLines(path, { maxLines: MAX_ROWS, onBadLine: onBadRow, ...(signal && { signal }) });
      return;
    case 'json':
      yield* readJsonRows(path, signal);
      return;
    case 'csv':
      yield* readCsvRows(path, ',', options);
      return;
    case 'tsv':
      yield* readCsvRows(path, '\t', options);
      return;
    case 'parquet':
      yield* readParquetRows(path, signal);
      return;
    default:
      format satisfies never;
  }
}
