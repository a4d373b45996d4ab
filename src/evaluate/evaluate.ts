import { createHash } from 'node:crypto';
import type { Question } from '../data/question.ts';
import type { Engine } from '../engine/engine.ts';
import { InvalidArgumentError } from '../errors.ts';
import { type AnsweredQuestion, type Ask, type Asking, ask, promptOf } from './ask.ts';
import { type Condition, recordCondition } from './condition.ts';
import { forEachPooled } from './pool.ts';
import type { AnswerRecord, RunConfig, RunSummary, ScorerName, SideEffects, SoloTime } from './run.ts';
import { answerKey, RunFolder } from './run-folder.ts';
import { scorerFor } from './scorers.ts';
import { type ChoiceTokens, choiceTokens } from './second-stage.ts';
import { ShareClock } from './share-clock.ts';
import { SharedPrefill } from './shared-prefill.ts';
import { measureSideEffects } from './side-effects.ts';
import { measureSolo } from './solo-time.ts';
import { summarise } from './summarise.ts';

export interface EvaluateProgress {
  readonly phase: 'answers' | 'timing' | 'side effects';
  readonly done: number;
  readonly total: number;
}

export interface EvaluateOptions {
  /** Recorded in the run. `malformed`: rows of the source that were no question, default 0. */
  readonly task?: { readonly name: string; readonly malformed?: number };
  /** Default: what fits all questions, `scorerFor`. */
  readonly scorer?: ScorerName;
  /** Most tokens of an answer. Default 256. */
  readonly maxTokens?: number;
  /** Of sampling and the bootstrap, a safe integer. Default 0. */
  readonly seed?: number;
  /** The condition that the others are compared with. Default: the first. */
  readonly baseline?: string;
  /** Answers in the engine at once, 1 to 256. Default: up to 64 that fit 1 GiB of KV cache; 1 where the engine does not batch. */
  readonly concurrency?: number;
  /** Measure perplexity and KL on unrelated text under each condition. Default false. */
  readonly sideEffects?: boolean;
  /** Questions that are asked again, one by one, to time each condition alone in the engine. Default 0. */
  readonly solo?: number;
  /** Folder of the run; one that was begun with the same configuration is gone on with. Default: kept in memory only. */
  readonly out?: string;
  /** Version of kvsteer, recorded. Default `unknown`. */
  readonly version?: string;
  /** How settings were chosen, recorded. */
  readonly tuned?: unknown;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: EvaluateProgress) => void;
}

export interface Evaluation<Name extends string = string> {
  readonly config: RunConfig;
  /** By condition, in the order of questions and draws. */
  readonly answers: Readonly<Record<Name, readonly AnswerRecord[]>>;
  readonly summary: RunSummary & {
    readonly conditions: Readonly<Record<Name, RunSummary['conditions'][string]>>;
  };
}

const CACHE_BYTES = 2 ** 30;
const MOST_ROWS = 64;

/**
 * Answers all questions under each condition and compares them. All conditions are asked in one pass: each distinct prompt
 * is prefilled once, its cache forked for every condition, edited, and decoded beside the others. Questions without a known answer are
 * counted as malformed. With `out` every answer is on disk as it ends, and a run that was killed goes on where it stopped.
 *
 * @example
 * const { summary } = await evaluate(engine, questions, { plain: {}, steered: { plan: { vector } } });
 * @throws InvalidArgumentError for no questions or conditions, options out of range, or a run folder of another configuration;
 * ModelMismatchError for a vector of another model; what the engine throws; the signal's reason.
 */
export async function evaluate<Name extends string>(
  engine: Engine,
  questions: readonly Question[],
  conditions: Readonly<Record<Name, Condition>>,
  options: EvaluateOptions = {},
): Promise<Evaluation<Name>> {
  const { signal, onProgress, seed = 0, maxTokens = 256 } = options;
  signal?.throwIfAborted();
  const answered = questions.filter((question): question is AnsweredQuestion => question.answer !== null);
  const config = configOf(engine, questions, answered, conditions, options);
  await using folder = options.out === undefined ? null : await RunFolder.open(options.out, config);
  const answers: AnswerRecord[] = [...(folder?.answers ?? [])];
  const given = new Set(answers.map(answerKey));

  const names = Object.keys(conditions) as Name[];
  const asks = answered.flatMap((question) =>
    names.flatMap((name) => {
      const condition: Condition = conditions[name];
      const prompt = promptOf(question, condition, engine);
      const draws = condition.sampling?.draws ?? 1;
      return Array.from({ length: draws }, (_, draw): Ask => ({ question, name, condition, draw, prompt }));
    }),
  );
  const left = asks.filter(
    ({ question, name, draw }) => !given.has(answerKey({ question: question.id, condition: name, draw })),
  );
  const concurrency = options.concurrency ?? defaultConcurrency(engine, asks, maxTokens);
  const total = asks.length;
  onProgress?.({ phase: 'answers', done: total - left.length, total });
  const tokens = new Map<number, ChoiceTokens>();
  const shared: Omit<Asking, 'prefills'> = {
    engine,
    clock: new ShareClock(),
    scorer: config.task.scorer,
    maxTokens,
    seed,
    choiceTokens: (count) => {
      const found = tokens.get(count) ?? choiceTokens(engine.tokenizer, count);
      tokens.set(count, found);
      return found;
    },
  };
  {
    await using prefills = new SharedPrefill(engine);
    for (const { prompt } of left) if (prompt !== null) prefills.announce(prompt.shared);
    const answerOne = async (asked: Ask, stop: AbortSignal) => {
      const answer = await ask(asked, { ...shared, prefills }, stop);
      await folder?.append(answer);
      answers.push(answer);
      onProgress?.({ phase: 'answers', done: answers.length, total });
    };
    await forEachPooled(left, answerOne, concurrency, signal);
  }

  const stop = signal ?? new AbortController().signal;
  let solo: Record<string, SoloTime> = {};
  if (options.solo) {
    const timed = answered.slice(0, options.solo);
    solo = await measureSolo(timed, conditions, shared, stop, (done, of) =>
      onProgress?.({ phase: 'timing', done, total: of }),
    );
  }
  let sideEffects: Record<string, SideEffects> = {};
  if (options.sideEffects) {
    onProgress?.({ phase: 'side effects', done: 0, total: 1 });
    sideEffects = await measureSideEffects(engine, conditions, stop);
  }
  const summary = summarise(config, answers, { solo, sideEffects });
  await folder?.finish(summary);
  return { config, answers: inOrder(names, asks, answers), summary: summary as Evaluation<Name>['summary'] };
}

/** The record of a run that asks `answered` of `questions`. @throws InvalidArgumentError. */
export function configOf(
  engine: Engine,
  questions: readonly Question[],
  answered: readonly AnsweredQuestion[],
  conditions: Readonly<Record<string, Condition>>,
  options: EvaluateOptions,
): RunConfig {
  const names = Object.keys(conditions);
  if (answered.length === 0) {
    throw new InvalidArgumentError(
      'questions',
      'There is nothing to measure: give at least one question with an answer.',
    );
  }
  if (new Set(answered.map(({ id }) => id)).size < answered.length) {
    throw new InvalidArgumentError('questions', 'Two questions have the same id: ids tell answers apart.');
  }
  const {
    baseline = names[0],
    maxTokens = 256,
    seed = 0,
    scorer = scorerFor(answered),
    concurrency,
  } = options;
  if (baseline === undefined || !names.includes(baseline)) {
    throw new InvalidArgumentError(
      'baseline',
      `The baseline must be one of the conditions: ${names.join(', ') || 'none given'}.`,
    );
  }
  const inRange: readonly (readonly [string, number, number, number])[] = [
    ['maxTokens', maxTokens, 1, 1_000_000],
    ['seed', seed, -Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
    ['concurrency', concurrency ?? 1, 1, 256],
  ];
  for (const [name, value, from, to] of inRange) {
    if (Number.isSafeInteger(value) && value >= from && value <= to) continue;
    throw new InvalidArgumentError(name, `${name} must be an integer from ${from} to ${to}, not ${value}.`);
  }
  if (scorer === 'choice' && answered.some(({ choices }) => choices === null)) {
    throw new InvalidArgumentError('scorer', 'The scorer "choice" needs choices on every question.');
  }
  const { model, capabilities, tokenizer } = engine;
  return {
    version: 1,
    kvsteer: options.version ?? 'unknown',
    node: process.version,
    engine: { name: capabilities.engine, precision: capabilities.precision },
    model: { name: model.name, fingerprint: model.fingerprint, chatTemplateHash: tokenizer.chatTemplateHash },
    task: {
      name: options.task?.name ?? 'questions',
      scorer,
      questions: answered.length,
      hash: hashQuestions(answered),
      malformed: (options.task?.malformed ?? 0) + questions.length - answered.length,
    },
    maxTokens,
    seed,
    conditions: Object.fromEntries(names.map((name) => [name, recordCondition(conditions[name]!, engine)])),
    baseline,
    tuned: options.tuned ?? null,
  };
}

/** SHA-256 over ids, questions, choices and answers, in their order. */
export function hashQuestions(questions: readonly Question[]): string {
  const hash = createHash('sha256');
  for (const { id, question, choices, answer } of questions) {
    hash.update(`${JSON.stringify([id, question, choices, answer])}\n`);
  }
  return hash.digest('hex');
}

/** Rows of the longest prompt and answer that fit a budget. */
function defaultConcurrency(
  { model, capabilities }: Engine,
  asks: readonly Ask[],
  maxTokens: number,
): number {
  if (!capabilities.batching) return 1;
  const prompts = asks.map(({ prompt }) => (prompt === null ? 0 : prompt.shared.length + 2));
  const longest = prompts.reduce((most, length) => Math.max(most, length), 1);
  const positions = Math.min(longest + maxTokens, model.contextLength);
  const bytes = 2 * model.layers * model.kvHeads * model.headDim * 4 * positions;
  return Math.max(1, Math.min(MOST_ROWS, Math.floor(CACHE_BYTES / bytes)));
}

function inOrder<Name extends string>(
  names: readonly Name[],
  asks: readonly Ask[],
  answers: readonly AnswerRecord[],
): Record<Name, AnswerRecord[]> {
  const byKey = new Map(answers.map((answer) => [answerKey(answer), answer]));
  const ordered = Object.fromEntries(names.map((name) => [name, [] as AnswerRecord[]])) as Record<
    Name,
    AnswerRecord[]
  >;
  for (const { question, name, draw } of asks) {
    const answer = byKey.get(answerKey({ question: question.id, condition: name, draw }));
    if (answer) ordered[name as Name].push(answer);
  }
  return ordered;
}
