import type { Engine } from '../engine/engine.ts';
import { InvalidArgumentError, ModelMismatchError } from '../errors.ts';
import type { ActivationVector } from '../evaluate/activation.ts';
import { type Condition, recordCondition } from '../evaluate/condition.ts';
import { evaluate } from '../evaluate/evaluate.ts';
import type { AnswerRecord, ConditionConfig } from '../evaluate/run.ts';
import type { SteeringVector } from '../vectors/vector.ts';
import { canonicalJson, type Json } from './content-hash.ts';
import type { SweepJob } from './job.ts';
import { activationOfBlob, vectorOfBlob } from './vector-blobs.ts';

export interface AnswerJobOptions {
  /** The bytes that a SHA-256 names. */
  readonly fetchBlob: (hash: string) => Promise<Uint8Array>;
  readonly signal?: AbortSignal;
  /** Answers given and asked for. */
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
}

/**
 * Answers a job's questions under its conditions, just as the same run in one process would.
 *
 * @throws ModelMismatchError for another model or precision; InvalidFileError for vectors that are not what their hashes say;
 * what `evaluate` throws; the signal's reason.
 */
export async function answerJob(
  engine: Engine,
  job: SweepJob,
  { fetchBlob, signal, onProgress }: AnswerJobOptions,
): Promise<AnswerRecord[]> {
  requireModel(engine, job);
  const vectors = new Map<string, SteeringVector>();
  const activations = new Map<string, ActivationVector>();
  const blobOf = async (hash: string) => {
    const blob = job.vectors[hash];
    if (blob !== undefined) return { blob, bytes: await fetchBlob(blob) };
    throw new InvalidArgumentError(
      'job',
      `The job names the vector ${hash.slice(0, 12)}, but not where it is.`,
    );
  };
  for (const { edits, activation } of Object.values(job.conditions)) {
    for (const { vector: hash } of edits) {
      if (vectors.has(hash)) continue;
      const { blob, bytes } = await blobOf(hash);
      vectors.set(hash, vectorOfBlob(bytes, blob));
    }
    if (activation !== null && !activations.has(activation.vector)) {
      const { blob, bytes } = await blobOf(activation.vector);
      activations.set(activation.vector, activationOfBlob(bytes, blob, engine.model.layers));
    }
  }
  const conditions = Object.fromEntries(
    Object.entries(job.conditions).map(([name, config]) => [
      name,
      conditionOf(name, config, vectors, activations, engine),
    ]),
  );
  const questions = job.questions.map((question) => ({
    ...question,
    rationale: null,
    source: null,
    licence: null,
  }));
  const { answers } = await evaluate(engine, questions, conditions, {
    scorer: job.scorer,
    maxTokens: job.maxTokens,
    seed: job.seed,
    ...(signal && { signal }),
    onProgress: ({ phase, done, total }) => {
      if (phase === 'answers') onProgress?.({ done, total });
    },
  });
  return Object.values(answers).flat();
}

function requireModel({ model, tokenizer, capabilities }: Engine, job: SweepJob): void {
  const ours = `${model.fingerprint}, template ${tokenizer.chatTemplateHash}, ${capabilities.engine} ${capabilities.precision}`;
  const theirs = `${job.model.fingerprint}, template ${job.model.chatTemplateHash}, ${job.engine.name} ${job.engine.precision}`;
  if (ours === theirs) return;
  throw new ModelMismatchError(
    `The job asks for the model ${theirs}, but this worker runs ${ours}. Start a worker with that model and precision.`,
    theirs,
    ours,
  );
}

/** @throws InvalidArgumentError unless the condition, as this engine takes it, is the one that the job records. */
function conditionOf(
  name: string,
  config: ConditionConfig,
  vectors: ReadonlyMap<string, SteeringVector>,
  activations: ReadonlyMap<string, ActivationVector>,
  engine: Engine,
): Condition {
  const { edits, activation, suffix, examples, offset, sampling } = config;
  const condition: Condition = {
    plan: edits.map(({ vector, values, keys, layers, heads, position, centroids }) => ({
      vector: vectors.get(vector)!,
      values,
      keys,
      layers,
      heads,
      position,
      ...(centroids !== undefined && { centroids }),
    })),
    activation: activation && {
      vector: activations.get(activation.vector)!,
      layer: activation.layer,
      strength: activation.strength,
      tokens: activation.tokens,
    },
    suffix,
    examples,
    offset,
    sampling,
  };
  const taken = recordCondition(condition, engine);
  if (canonicalJson(taken as unknown as Json) === canonicalJson(config as unknown as Json)) return condition;
  throw new InvalidArgumentError(
    'job',
    `The condition ${JSON.stringify(name.slice(0, 80))} is not what its vectors make of it on this worker. Submit the sweep again, with the same version of kvsteer everywhere.`,
  );
}
