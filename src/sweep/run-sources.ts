/** What a run was made of, kept beside it for the report: the questions' texts and the vectors. */
import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readJsonLines } from '../data/json-lines.ts';
import type { Question } from '../data/question.ts';
import { questionText } from '../data/question-text.ts';
import { type Condition, plansOf } from '../evaluate/condition.ts';
import { hashVector } from '../evaluate/vector-hash.ts';
import type { SteeringVector } from '../vectors/vector.ts';
import { loadVector, saveVector } from '../vectors/vector-file.ts';

const QUESTIONS = 'questions.jsonl';
const VECTORS = 'vectors';
/** Heat maps of more would be no report. */
const MOST_VECTORS = 64;

/**
 * Writes `questions.jsonl` (id and text as the model was asked) and `vectors/<first 16 of its hash>.safetensors` into a
 * run's folder. Random controls are left out: their seed is in the configuration.
 */
export async function keepSources(
  folder: string,
  questions: readonly Question[],
  conditions: Readonly<Record<string, Condition>>,
): Promise<void> {
  const lines = questions.map((question) =>
    JSON.stringify({ id: question.id, question: questionText(question) }),
  );
  const beside = join(folder, `${QUESTIONS}.${randomUUID()}.tmp`);
  await mkdir(folder, { recursive: true });
  await writeFile(beside, lines.map((line) => `${line}\n`).join(''));
  await rename(beside, join(folder, QUESTIONS));
  const vectors = new Map<string, SteeringVector>();
  for (const condition of Object.values(conditions)) {
    for (const { vector } of plansOf(condition)) {
      if (vector.aggregation === 'random' || vectors.size >= MOST_VECTORS) continue;
      vectors.set(hashVector(vector), vector);
    }
  }
  for (const [hash, vector] of vectors) {
    await saveVector(vector, join(folder, VECTORS, `${hash.slice(0, 16)}.safetensors`));
  }
}

export interface RunSources {
  /** Texts by id. */
  readonly questions: ReadonlyMap<string, string>;
  /** By the name of the file, without its ending. */
  readonly vectors: ReadonlyMap<string, SteeringVector>;
}

/** What {@link keepSources} wrote; empty where there is nothing. @throws InvalidFileError for what is damaged. */
export async function readSources(folder: string): Promise<RunSources> {
  const questions = new Map<string, string>();
  const entries = await readdir(folder);
  if (entries.includes(QUESTIONS)) {
    for await (const { value } of readJsonLines(join(folder, QUESTIONS), { maxLines: 1_000_000 })) {
      const { id, question } = (value ?? {}) as Record<string, unknown>;
      if (typeof id === 'string' && typeof question === 'string') questions.set(id, question);
    }
  }
  const vectors = new Map<string, SteeringVector>();
  if (entries.includes(VECTORS)) {
    const files = (await readdir(join(folder, VECTORS)))
      .filter((name) => name.endsWith('.safetensors'))
      .sort();
    for (const name of files.slice(0, MOST_VECTORS)) {
      vectors.set(name.slice(0, -'.safetensors'.length), await loadVector(join(folder, VECTORS, name)));
    }
  }
  return { questions, vectors };
}
