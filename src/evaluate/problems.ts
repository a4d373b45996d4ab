import { readJsonLines } from '../data/json-lines.ts';
import { InvalidFileError } from '../errors.ts';

/** A question with one right number. */
export interface Problem {
  readonly question: string;
  readonly answer: number;
}

/**
 * The problems of a JSONL file: `question`, and `answer` as a number or a text that is one. Other keys are left alone.
 *
 * @param most stop after this many, default all.
 * @throws InvalidFileError naming the line.
 */
export async function readProblems(
  path: string,
  { most = Infinity, signal }: { readonly most?: number; readonly signal?: AbortSignal } = {},
): Promise<Problem[]> {
  const problems: Problem[] = [];
  for await (const { line, value } of readJsonLines(path, signal ? { signal } : {})) {
    if (problems.length >= most) break;
    const { question, answer } = (value ?? {}) as Record<string, unknown>;
    const number = numberOf(answer);
    if (typeof question !== 'string' || question.trim() === '' || number === null) {
      throw new InvalidFileError(
        path,
        `line ${line}: expected {"question", "answer"} with a number to answer.`,
      );
    }
    problems.push({ question, answer: number });
  }
  return problems;
}

function numberOf(answer: unknown): number | null {
  if (typeof answer === 'number') return Number.isFinite(answer) ? answer : null;
  const digits = typeof answer === 'string' ? answer.trim().replaceAll(',', '') : '';
  return /^-?\d+(\.\d+)?$/.test(digits) ? Number(digits) : null;
}
