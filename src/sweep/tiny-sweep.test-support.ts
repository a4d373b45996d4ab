/** The sweep that tests of the queue and of the report ask of the bundled model. */
import { fileURLToPath } from 'node:url';
import { loadQuestions } from '../data/load-questions.ts';
import type { Question } from '../data/question.ts';
import type { Condition } from '../evaluate/condition.ts';
import type { AnswerRecord } from '../evaluate/run.ts';
import { loadVector } from '../vectors/vector-file.ts';
import { gridConditions } from './grid.ts';

const tiny = (path: string) => fileURLToPath(new URL(`../../models/tiny/${path}`, import.meta.url));

export async function tinyQuestions(limit: number): Promise<readonly Question[]> {
  return (await loadQuestions(tiny('problems/heldout.jsonl'), { limit })).questions;
}

/** Plain and c_v 0.7 and 1 of the stepwise vector. */
export async function tinyConditions(): Promise<Record<string, Condition>> {
  const vector = await loadVector(tiny('vectors/stepwise.safetensors'));
  return gridConditions({ vectors: { stepwise: vector }, values: [0.7, 1] }, vector.model);
}

/** Without the time that they took, which is the only thing that two runs may differ in. */
export function timeless(answers: readonly AnswerRecord[]): Omit<AnswerRecord, 'ms'>[] {
  return answers.map(({ ms: _, ...answer }) => answer);
}
