import { InvalidArgumentError } from '../errors.ts';
import { type Fields, isFields, partsByName, type QuestionParts } from './layouts.ts';

/**
 * Which field of the file is which part of a question, e.g. `{ question: 'problem', answer: 'solution' }`. A dot goes
 * into an object (`question.stem`). Choices may lie in a field each: `{ choices: ['A', 'B', 'C', 'D'] }`. Parts that
 * are not named are found by the usual names.
 */
export interface FieldMap {
  readonly id?: string;
  readonly question?: string;
  readonly choices?: string | readonly string[];
  readonly answer?: string;
  readonly rationale?: string;
  readonly source?: string;
  readonly licence?: string;
}

export const mappable = ['id', 'question', 'choices', 'answer', 'rationale', 'source', 'licence'] as const;

/** @throws InvalidArgumentError for a part that no question has, or an empty field name. */
export function requireFieldMap(map: FieldMap): void {
  for (const [part, field] of Object.entries(map)) {
    if (!mappable.includes(part as (typeof mappable)[number])) {
      throw new InvalidArgumentError(
        'map',
        `The field mapping names "${part}", which no question has. Its parts are ${mappable.join(', ')}.`,
      );
    }
    const fields: readonly unknown[] = Array.isArray(field) && part === 'choices' ? field : [field];
    if (fields.length === 0 || fields.some((name) => typeof name !== 'string' || name === '')) {
      throw new InvalidArgumentError('map', `The field mapping of "${part}" must name a field of the file.`);
    }
  }
}

/** The parts of a row by `map`, the rest by the usual names. A named field that the row lacks is undefined. */
export function mappedParts(row: Fields, map: FieldMap): QuestionParts {
  const mapped = Object.entries(map).map(([part, field]) => [
    part,
    Array.isArray(field) ? field.map((name) => valueAt(row, name)) : valueAt(row, field as string),
  ]);
  return { ...partsByName(row), ...Object.fromEntries(mapped) };
}

function valueAt(row: Fields, field: string): unknown {
  if (Object.hasOwn(row, field)) return row[field];
  let value: unknown = row;
  for (const name of field.split('.')) {
    value = isFields(value) && Object.hasOwn(value, name) ? value[name] : undefined;
  }
  return value;
}
