import { rm } from 'node:fs/promises';
import { InvalidArgumentError, InvalidFileError } from '../errors.ts';
import type { ModelProgress } from '../models/progress.ts';
import { type FieldMap, requireFieldMap } from './field-map.ts';
import { isFields } from './layouts.ts';
import { type Located, type LocateOptions, locate } from './locate.ts';
import type { Question } from './question.ts';
import { questionKey } from './question-key.ts';
import { type DuplicateQuestion, FindingsList, type MalformedRow, type QuestionSet } from './question-set.ts';
import { MalformedRowError, readQuestion } from './read-question.ts';
import { readRows } from './rows.ts';

/** A step of a download, or rows that were read. */
export type DataProgress =
  | ModelProgress
  | {
      readonly phase: 'read';
      readonly file: string;
      /** Of all files so far. */
      readonly rows: number;
    };

export interface LoadQuestionsOptions extends Pick<LocateOptions, 'folder' | 'cache' | 'refresh'> {
  /** Stop after this many questions, from 1. Default: all. */
  readonly limit?: number | undefined;
  /** Which field is what, where the usual names and layouts do not tell. */
  readonly map?: FieldMap | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: DataProgress) => void) | undefined;
}

/** Characters of a set's texts: they are held in memory. */
const MAX_CHARACTERS = 2 ** 29;
/** Rows between two events. */
const PROGRESS_ROWS = 1_000;
/** Names of fields that are counted, so that a file whose names are data stays small in memory. */
const MAX_FIELDS = 1_000;

/**
 * The questions of a source, which is one of:
 *
 * - a known set and split: `gsm8k-slice:train` (comes with the package), `gsm8k:test`, `arc-challenge:test`,
 *   `csqa:validation`, `piqa:validation`, `strategyqa:dev`, `math-500:test`, `gpqa:diamond`; from `folder` where it has the
 *   file, else downloaded once;
 * - a path of a JSONL, JSON, CSV, TSV or Parquet file; the format is told by content, then by name;
 * - a folder of such files, with the part after a colon where it has several: `my-data:test`;
 * - a data set of the hub: `owner/name:split`, `owner/name:config/split`, `owner/name:path/of/file.csv`, each with
 *   `@revision` after the name where wanted. `HF_ENDPOINT`, `HF_TOKEN` and `HF_HUB_OFFLINE` are respected;
 * - an http(s) address of a file, at most 1 GiB. Downloads resume, and are cached.
 *
 * Published layouts are known (GSM8K, ARC and CommonsenseQA, PIQA, StrategyQA, MATH, GPQA), and the usual field names;
 * others need `map`. A row that is no question is left out and counted in the report, with its line and why; equal
 * texts are kept and counted.
 *
 * @example
 * const { questions, report } = await loadQuestions('gsm8k:test', { limit: 200 });
 * @throws DataNotFoundError for a source or split that is nowhere; DownloadError; InvalidFileError where a file cannot be
 * read or no row is a question; InvalidArgumentError for options out of range; the signal's reason.
 */
export async function loadQuestions(
  source: string,
  options: LoadQuestionsOptions = {},
): Promise<QuestionSet> {
  const { limit = Infinity, map, signal } = options;
  if (limit !== Infinity && !(Number.isSafeInteger(limit) && limit >= 1)) {
    throw new InvalidArgumentError('limit', `limit must be a whole number from 1; it is ${limit}.`);
  }
  if (map) requireFieldMap(map);
  signal?.throwIfAborted();
  const located = await locate(source, options);
  const reading = new Reading(source, located, map ?? null);
  for (const file of located.files) {
    try {
      await readFile(file, reading, limit, options);
    } catch (error) {
      // A server's page of excuses must not stay in the cache as the file.
      if (/^https?:/i.test(source) && error instanceof InvalidFileError) await rm(file, { force: true });
      throw error;
    }
    if (!reading.complete) break;
  }
  return reading.finish();
}

async function readFile(
  file: string,
  reading: Reading,
  limit: number,
  { signal, onProgress }: LoadQuestionsOptions,
): Promise<void> {
  const report = () => onProgress?.({ phase: 'read', file, rows: reading.rows });
  const onBadRow = (line: number, why: string) => reading.addBad(file, line, why);
  for await (const { line, value } of readRows(file, { signal, onBadRow })) {
    if (reading.questions.length >= limit) {
      reading.complete = false;
      break;
    }
    reading.add(file, line, value);
    if (reading.rows % PROGRESS_ROWS === 0) {
      signal?.throwIfAborted();
      report();
    }
  }
  report();
}

/** A set in the making. */
class Reading {
  readonly questions: Question[] = [];
  complete = true;
  rows = 0;
  readonly #malformed = new FindingsList<MalformedRow>();
  readonly #duplicates = new FindingsList<DuplicateQuestion>();
  readonly #fields: Record<string, number> = Object.create(null);
  readonly #layouts: Record<string, number> = {};
  /** Ids by key. */
  readonly #first = new Map<string, string>();
  readonly #ids = new Set<string>();
  readonly #name: string;
  readonly #located: Located;
  readonly #map: FieldMap | null;
  #characters = 0;

  constructor(name: string, located: Located, map: FieldMap | null) {
    this.#name = name;
    this.#located = located;
    this.#map = map;
  }

  addBad(file: string, line: number, why: string): void {
    this.rows++;
    this.#malformed.add({ file, line, why });
  }

  add(file: string, line: number, row: unknown): void {
    this.#countFields(row);
    let read: ReturnType<typeof readQuestion>;
    try {
      read = readQuestion(row, this.#map);
    } catch (error) {
      if (!(error instanceof MalformedRowError)) throw error;
      this.addBad(file, line, error.message);
      return;
    }
    const { question, layout } = read;
    this.#layouts[layout] = (this.#layouts[layout] ?? 0) + 1;
    const id = this.#uniqueId(question.id ?? `${this.#located.prefix}-${this.rows}`);
    this.rows++;
    this.questions.push({
      ...question,
      id,
      source: question.source ?? this.#located.source,
      licence: question.licence ?? this.#located.licence,
    });
    this.#boundTexts(file, question);
    const key = questionKey(question.question);
    const of = this.#first.get(key);
    if (of === undefined) this.#first.set(key, id);
    else this.#duplicates.add({ id, of });
  }

  /** @throws InvalidFileError where nothing was a question. */
  finish(): QuestionSet {
    const { files } = this.#located;
    const [bad] = this.#malformed.first;
    if (this.questions.length === 0) {
      throw new InvalidFileError(
        bad?.file ?? files[0] ?? this.#name,
        bad
          ? `none of its ${this.rows} rows is a question. Row at line ${bad.line}: ${bad.why} Say which field is what with a field mapping, e.g. question=problem.`
          : 'holds no rows.',
      );
    }
    return {
      name: this.#name,
      questions: this.questions,
      report: {
        files,
        rows: this.rows,
        complete: this.complete,
        fields: { ...this.#fields },
        layouts: this.#layouts,
        malformed: this.#malformed.findings(),
        duplicates: this.#duplicates.findings(),
      },
    };
  }

  #countFields(row: unknown): void {
    if (!isFields(row)) return;
    for (const field of Object.keys(row)) {
      if (field in this.#fields || Object.keys(this.#fields).length < MAX_FIELDS) {
        this.#fields[field] = (this.#fields[field] ?? 0) + 1;
      }
    }
  }

  #uniqueId(wanted: string): string {
    let id = wanted;
    for (let copy = 2; this.#ids.has(id); copy++) id = `${wanted}-${copy}`;
    this.#ids.add(id);
    return id;
  }

  #boundTexts(file: string, { question, choices, answer, rationale }: Omit<Question, 'id'>): void {
    const length = (texts: readonly string[] | null) =>
      (texts ?? []).reduce((sum, text) => sum + text.length, 0);
    this.#characters += question.length + (answer?.length ?? 0) + length(choices) + length(rationale);
    if (this.#characters > MAX_CHARACTERS) {
      throw new InvalidFileError(
        file,
        `holds more text than fits in memory (after ${this.rows} rows). Read fewer questions: set a limit.`,
      );
    }
  }
}
