import { createHash } from 'node:crypto';

export type Fields = Readonly<Record<string, unknown>>;

/** The parts of a question as a file holds them, before they are checked. */
export interface QuestionParts {
  readonly id?: unknown;
  readonly question?: unknown;
  readonly choices?: unknown;
  /** A letter, a label, an index from 0 or a choice's text where there are choices; else the answer. */
  readonly answer?: unknown;
  readonly rationale?: unknown;
  readonly source?: unknown;
  readonly licence?: unknown;
}

/** A way in which published sets write their rows. */
export interface Layout {
  readonly name: string;
  readonly fits: (row: Fields) => boolean;
  readonly parts: (row: Fields) => QuestionParts;
}

/** Field names that mean a part, whatever their case; the first that a row has is taken. */
const names: Readonly<Record<keyof QuestionParts, readonly string[]>> = {
  id: ['id', 'qid', 'question_id', 'unique_id', 'idx', 'record id'],
  question: ['question', 'problem', 'prompt', 'query', 'input', 'instruction'],
  choices: ['choices', 'options'],
  answer: [
    'answer',
    'answerkey',
    'answer_key',
    'final_answer',
    'expected_answer',
    'target',
    'label',
    'output',
  ],
  rationale: ['rationale', 'steps', 'facts', 'solution', 'explanation', 'reasoning'],
  source: ['source'],
  licence: ['licence', 'license'],
};

/** The parts of a row by the usual names of its fields. */
export function partsByName(row: Fields): QuestionParts {
  const byName = new Map(Object.keys(row).map((key) => [key.toLowerCase(), row[key]]));
  return Object.fromEntries(
    Object.entries(names).map(([part, fields]) => {
      const name = fields.find((field) => byName.get(field) != null);
      return [part, name === undefined ? undefined : byName.get(name)];
    }),
  );
}

/** In the order they are tried; the last fits any row. */
export const layouts: readonly Layout[] = [
  {
    // ARC and CommonsenseQA as their authors publish them: {"question": {"stem", "choices"}, "answerKey"}.
    name: 'stem',
    fits: ({ question }) => isFields(question) && 'stem' in question,
    parts: (row) => {
      const { stem, choices } = row.question as Fields;
      return { ...partsByName(row), question: stem, choices };
    },
  },
  {
    name: 'piqa',
    fits: (row) => has(row, 'goal', 'sol1', 'sol2'),
    parts: (row) => {
      const label = row.label == null || row.label === '' ? null : Number(row.label);
      return { ...partsByName(row), question: row.goal, choices: [row.sol1, row.sol2], answer: label };
    },
  },
  {
    name: 'gpqa',
    fits: (row) => has(row, 'Question', 'Correct Answer', 'Incorrect Answer 1'),
    parts: gpqaParts,
  },
  {
    name: 'strategyqa',
    fits: (row) => has(row, 'question', 'answer') && (has(row, 'facts') || has(row, 'decomposition')),
    parts: (row) => ({ ...partsByName(row), answer: yesOrNo(row.answer), rationale: row.facts }),
  },
  {
    // MATH has its answer inside the solution; MATH-500 beside it as well.
    name: 'math',
    fits: (row) => has(row, 'problem', 'solution'),
    parts: (row) => ({ ...partsByName(row), answer: row.answer ?? row.solution, rationale: row.solution }),
  },
  {
    name: 'gsm8k',
    fits: ({ question, answer }) =>
      typeof question === 'string' && typeof answer === 'string' && /^####/m.test(answer),
    parts: partsByName,
  },
  {
    name: 'labelled choices',
    fits: ({ choices }) =>
      (isFields(choices) && has(choices, 'text', 'label')) ||
      (Array.isArray(choices) && isFields(choices[0])),
    parts: partsByName,
  },
  { name: 'plain', fits: () => true, parts: partsByName },
];

/** The right answer comes first in the file: choices are put in an order that the question's text decides. */
function gpqaParts(row: Fields): QuestionParts {
  const right = row['Correct Answer'];
  const all = [right, row['Incorrect Answer 1'], row['Incorrect Answer 2'], row['Incorrect Answer 3']];
  const rank = (choice: unknown) => createHash('sha256').update(`${row.Question}\n${choice}`).digest('hex');
  const choices = all.map((choice) => (typeof choice === 'string' ? choice.trim() : choice));
  const ordered = [...choices].sort((a, b) => (rank(a) < rank(b) ? -1 : 1));
  const id = row['Record ID'];
  return {
    id,
    question: row.Question,
    choices: ordered,
    answer: ordered.indexOf(choices[0]),
    rationale: row.Explanation,
  };
}

function yesOrNo(answer: unknown): unknown {
  if (typeof answer !== 'string') return answer;
  if (/^(true|yes)$/i.test(answer.trim())) return true;
  return /^(false|no)$/i.test(answer.trim()) ? false : answer;
}

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function has(row: Fields, ...fields: readonly string[]): boolean {
  return fields.every((field) => Object.hasOwn(row, field));
}
