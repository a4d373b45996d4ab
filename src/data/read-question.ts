import { type FieldMap, mappedParts } from './field-map.ts';
import { type Fields, isFields, layouts, type QuestionParts } from './layouts.ts';
import type { Question } from './question.ts';
import { stepsOf, workedAnswer } from './worked-answer.ts';

const MAX_CHOICES = 26;

/** Why a row is no question. */
export class MalformedRowError extends Error {}

/** A question and how it was read; its id is null where the row has none. */
export interface ReadQuestion {
  readonly question: Omit<Question, 'id'> & { readonly id: string | null };
  readonly layout: string;
}

/** @throws MalformedRowError saying what was expected and found. */
export function readQuestion(row: unknown, map: FieldMap | null): ReadQuestion {
  if (!isFields(row)) throw new MalformedRowError(`expected an object with a question, found ${show(row)}.`);
  if (map !== null) return { question: checked(mappedParts(row, map), row), layout: 'mapped' };
  const layout = layouts.find(({ fits }) => fits(row))!;
  return { question: checked(layout.parts(row), row), layout: layout.name };
}

function checked(parts: QuestionParts, row: Fields): ReadQuestion['question'] {
  const question = textOf(parts.question);
  if (question === null) {
    throw new MalformedRowError(
      parts.question === undefined
        ? `expected a question, found the fields ${Object.keys(row).slice(0, 12).join(', ') || '(none)'}.`
        : `expected the question to be a text that is not blank, found ${show(parts.question)}.`,
    );
  }
  const choices = choicesOf(parts.choices);
  const { answer, steps } =
    choices === null ? freeAnswer(parts.answer) : { answer: letterOf(parts.answer, choices), steps: null };
  return {
    id: textOf(typeof parts.id === 'number' ? String(parts.id) : parts.id),
    question,
    choices: choices?.map(({ text }) => text) ?? null,
    answer,
    rationale: rationaleOf(parts.rationale) ?? steps,
    source: textOf(parts.source),
    licence: textOf(parts.licence),
  };
}

interface Choice {
  readonly text: string;
  /** As the file names it, e.g. `A` or `1`; null where it does not. */
  readonly label: string | null;
}

/** `["x", "y"]`, that as a JSON text, `[{ text, label }]` or `{ text: [], label: [] }`. */
function choicesOf(value: unknown): Choice[] | null {
  if (value === undefined || value === null || value === '') return null;
  const list = typeof value === 'string' ? parsedList(value) : value;
  const choices = isFields(list) ? fromColumns(list) : Array.isArray(list) ? list.map(choiceOf) : null;
  if (choices === null || choices.some((choice) => choice === null)) {
    throw new MalformedRowError(`expected choices to be a list of texts, found ${show(value)}.`);
  }
  if (choices.length < 2 || choices.length > MAX_CHOICES) {
    throw new MalformedRowError(`expected 2 to ${MAX_CHOICES} choices, found ${choices.length}.`);
  }
  return choices as Choice[];
}

function parsedList(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function fromColumns({ text, label }: Fields): (Choice | null)[] | null {
  if (!Array.isArray(text) || (label !== undefined && !Array.isArray(label))) return null;
  const labels: readonly unknown[] = label ?? [];
  if (labels.length > 0 && labels.length !== text.length) return null;
  return text.map((each, index) => choiceOf({ text: each, label: labels[index] }));
}

function choiceOf(value: unknown): Choice | null {
  const { text, label } = isFields(value) ? value : { text: value };
  const plain = textOf(typeof text === 'number' ? String(text) : text);
  return plain === null ? null : { text: plain, label: label == null ? null : String(label) };
}

/** The letter of the right choice; null where the row does not tell, as in unlabelled test sets. */
function letterOf(answer: unknown, choices: readonly Choice[]): string | null {
  if (answer === undefined || answer === null || answer === '' || answer === -1) return null;
  const index = indexOfAnswer(answer, choices);
  if (index < 0 || index >= choices.length) {
    throw new MalformedRowError(`the answer ${show(answer)} is none of the ${choices.length} choices.`);
  }
  return String.fromCharCode(65 + index);
}

function indexOfAnswer(answer: unknown, choices: readonly Choice[]): number {
  const text = String(answer).trim();
  const labelled = choices.findIndex(({ label }) => label === text);
  if (labelled >= 0) return labelled;
  // An index is counted from 0, as the hub's class labels are.
  if (typeof answer === 'number') return Number.isInteger(answer) ? answer : -1;
  const same = choices.findIndex((choice) => choice.text === text);
  if (same >= 0) return same;
  return /^[A-Za-z]$/.test(text) ? text.toUpperCase().charCodeAt(0) - 65 : -1;
}

function freeAnswer(value: unknown): { answer: string | null; steps: readonly string[] | null } {
  if (value === undefined || value === null) return { answer: null, steps: null };
  if (typeof value === 'boolean') return { answer: value ? 'yes' : 'no', steps: null };
  if (typeof value === 'number' && Number.isFinite(value)) return { answer: String(value), steps: null };
  if (typeof value !== 'string') {
    throw new MalformedRowError(`expected the answer to be a text or a number, found ${show(value)}.`);
  }
  return value.trim() === '' ? { answer: null, steps: null } : workedAnswer(value);
}

function rationaleOf(value: unknown): string[] | null {
  if (value === undefined || value === null) return null;
  if (typeof value === 'string') return stepsOf(value);
  if (!Array.isArray(value) || value.some((step) => typeof step !== 'string')) {
    throw new MalformedRowError(
      `expected the rationale to be a text or a list of texts, found ${show(value)}.`,
    );
  }
  const steps = value.map((step: string) => step.trim()).filter((step) => step !== '');
  return steps.length > 0 ? steps : null;
}

function textOf(value: unknown): string | null {
  const text = typeof value === 'string' ? value.trim() : '';
  return text === '' ? null : text;
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
