import { basename, extname } from 'node:path';
import { InvalidFileError } from '../errors.ts';
import { type FieldMap, requireFieldMap } from './field-map.ts';
import { readJsonLines } from './json-lines.ts';
import type { Question } from './question.ts';
import { questionKey } from './question-key.ts';
import { type DuplicateQuestion, FindingsList, type MalformedRow, type QuestionSet } from './question-set.ts';
import { MalformedRowError, readQuestion } from './read-question.ts';

export interface LoadQuestionsOptions {
  /** Stop after this many questions. Default: all. */
  readonly limit?: number;
  /** Which field is what, where the usual names do not tell. */
  readonly map?: FieldMap;
  readonly signal?: AbortSignal;
}

/**
 * The questions of a JSONL file.
 *
 * @throws InvalidFileError where the file cannot be read or holds no question; InvalidArgumentError for options out of
 * range; the signal's reason.
 */
export async function loadQuestions(
  source: string,
  options: LoadQuestionsOptions = {},
): Promise<QuestionSet> {
  const { limit = Infinity, map, signal } = options;
  if (map) requireFieldMap(map);
  const questions: Question[] = [];
  const malformed = new FindingsList<MalformedRow>();
  const duplicates = new FindingsList<DuplicateQuestion>();
  const fields: Record<string, number> = {};
  const layouts: Record<string, number> = {};
  const seen = new Map<string, string>();
  const ids = new Set<string>();
  const prefix = basename(source, extname(source));
  let rows = 0;
  let complete = true;
  const onBadLine = (line: number, why: string) => {
    rows++;
    malformed.add({ file: source, line, why });
  };
  for await (const { line, value } of readJsonLines(source, { onBadLine, ...(signal && { signal }) })) {
    if (questions.length >= limit) {
      complete = false;
      break;
    }
    const row = rows++;
    try {
      const { question, layout } = readQuestion(value, map ?? null);
      for (const field of Object.keys(value as object)) fields[field] = (fields[field] ?? 0) + 1;
      layouts[layout] = (layouts[layout] ?? 0) + 1;
      let id = question.id ?? `${prefix}-${row}`;
      for (let copy = 2; ids.has(id); copy++) id = `${question.id ?? `${prefix}-${row}`}-${copy}`;
      ids.add(id);
      questions.push({ ...question, id });
      const key = questionKey(question.question);
      const of = seen.get(key);
      if (of === undefined) seen.set(key, id);
      else duplicates.add({ id, of });
    } catch (error) {
      if (!(error instanceof MalformedRowError)) throw error;
      malformed.add({ file: source, line, why: error.message });
    }
  }
  if (questions.length === 0) {
    const why = malformed.first[0];
    throw new InvalidFileError(
      source,
      `holds no questions.${why ? ` Line ${why.line}: ${why.why}` : ' Expected one on each line.'}`,
    );
  }
  return {
    name: source,
    questions,
    report: { files: [source], rows, complete, fields, layouts, malformed, duplicates },
  };
}
