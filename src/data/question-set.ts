import type { Question } from './question.ts';

/** Questions of one source, in its order, with what was found while they were read. */
export interface QuestionSet {
  /** As it was asked for, e.g. `gsm8k:test` or a path. */
  readonly name: string;
  readonly questions: readonly Question[];
  readonly report: DataReport;
}

/** What a source holds, beside the questions: nothing is left out of a set without being counted here. */
export interface DataReport {
  /** Paths of the files that were read. */
  readonly files: readonly string[];
  /** Rows that were read, malformed ones included. */
  readonly rows: number;
  /** False where reading stopped at `limit`, so later rows were not looked at. */
  readonly complete: boolean;
  /** How many rows hold each field, by its name in the file. */
  readonly fields: Readonly<Record<string, number>>;
  /** How many rows were read as each known layout, e.g. `gsm8k` or `piqa`. */
  readonly layouts: Readonly<Record<string, number>>;
  /** Rows that are no question; they are not in the set. */
  readonly malformed: Findings<MalformedRow>;
  /** Questions whose text, as of {@link questionKey}, came before; they are in the set. */
  readonly duplicates: Findings<DuplicateQuestion>;
}

export interface Findings<T> {
  readonly count: number;
  /** The first few. */
  readonly first: readonly T[];
}

export interface MalformedRow {
  readonly file: string;
  /** Line of the file, from 1; in Parquet and JSON arrays the row, from 1. */
  readonly line: number;
  readonly why: string;
}

export interface DuplicateQuestion {
  readonly id: string;
  /** Of the first question with the same text. */
  readonly of: string;
}

/** Findings that are reported one by one; the others are only counted. */
const SHOWN = 8;

/** Counts, and keeps the first few. */
export class FindingsList<T> {
  readonly #first: T[] = [];
  #count = 0;

  get first(): readonly T[] {
    return this.#first;
  }

  add(finding: T): void {
    this.#count++;
    if (this.#first.length < SHOWN) this.#first.push(finding);
  }

  findings(): Findings<T> {
    return { count: this.#count, first: this.#first };
  }
}
