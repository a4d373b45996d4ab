import { questionKey } from '../data/question-key.ts';
import type { Engine } from '../engine/engine.ts';
import { InvalidArgumentError } from '../errors.ts';
import { type BuildPairsOptions, buildPairs } from '../pairs/build-pairs.ts';
import { defaultStyles, exampleTurns, type PairItem, type StyledItem } from '../pairs/item.ts';
import type { Offset } from '../pairs/offset-token.ts';
import { type ModelIdentity, modelIdentity } from '../vectors/vector.ts';
import { type KeyDifferences, measureKeyDifferences } from './key-differences.ts';
import { type ForcedQuestion, type KeyEffect, measureKeyEffects } from './key-effects.ts';

export interface StudyKeysOptions
  extends Pick<BuildPairsOptions, 'turns' | 'selection' | 'styles' | 'system' | 'matchLength'> {
  /** Pairs, from the first items. Default: 100, or three quarters of the items where there are few. */
  readonly pairs?: number;
  /** Held-out questions, from the items after those. Default: 24, or what is left. */
  readonly questions?: number;
  /** c_v. Default 4. */
  readonly values?: number;
  /** c_k. Default 1: keys as strong as the pairs differ by. */
  readonly keys?: number;
  /** Random draws, 1 to 64. Default 8. */
  readonly draws?: number;
  /** Of random examples and of the first draw; a safe integer, default 0. */
  readonly seed?: number;
  /** Appended to the questions, not to the pairs. Default `"\n"`. */
  readonly offset?: Offset;
  /** Where the items are from, in words: kept with the figures. */
  readonly source?: string;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: StudyProgress) => void;
}

export interface StudyProgress {
  readonly phase: 'pairs' | 'questions';
  readonly done: number;
  readonly total: number;
}

/** Everything that was measured, and what with. */
export interface KeyStudy {
  readonly study: 'keys';
  readonly model: ModelIdentity;
  readonly engine: string;
  readonly precision: string;
  readonly configuration: {
    readonly source: string | null;
    readonly turns: number;
    readonly selection: string;
    readonly styles: { readonly positive: string; readonly negative: string };
    readonly system: string | null;
    readonly matchLength: boolean;
    readonly questions: number;
    readonly values: number;
    readonly keys: number;
    readonly draws: number;
    readonly seed: number;
    readonly offset: Offset;
  };
  readonly differences: KeyDifferences;
  readonly effects: readonly KeyEffect[];
}

/**
 * How much of the published key vector is an artefact of position, and what keys of any kind do to the model's choice
 * between a reasoning trace and a bare answer (docs/findings/keys.md). Pairs and questions share no text.
 *
 * @param items each a worked question; the first ones make the pairs, later ones are held out.
 * @throws InvalidArgumentError for too few items or options out of range; ContextOverflowError; the signal's reason.
 */
export async function studyKeys(
  engine: Engine,
  items: readonly (PairItem | StyledItem)[],
  options: StudyKeysOptions = {},
): Promise<KeyStudy> {
  const { turns = 2, selection = 'given', styles = defaultStyles, system, matchLength = false } = options;
  const { values = 4, keys = 1, draws = 8, seed = 0, offset = '\n', signal, onProgress } = options;
  const { shown, heldOut } = divide(items, options);
  const questions = heldOut.map((item, i): ForcedQuestion => {
    const { question, positive, negative } = exampleTurns(item, `held-out item ${i}`, styles, '');
    return { question, trace: positive, short: negative };
  });
  const pairs = buildPairs(shown, {
    tokenizer: engine.tokenizer,
    turns,
    selection,
    seed,
    styles,
    matchLength,
    ...(system !== undefined && { system }),
  });
  const report = (phase: StudyProgress['phase']) => ({
    ...(signal && { signal }),
    onProgress: (progress: Omit<StudyProgress, 'phase'>) => onProgress?.({ phase, ...progress }),
  });
  const { differences, means } = await measureKeyDifferences(engine, pairs, report('pairs'));
  const effects = await measureKeyEffects(engine, means, questions, {
    values,
    keys,
    draws,
    seed,
    offset,
    ...(system !== undefined && { system }),
    ...report('questions'),
  });
  return {
    study: 'keys',
    model: modelIdentity(engine),
    engine: engine.capabilities.engine,
    precision: engine.capabilities.precision,
    configuration: {
      source: options.source ?? null,
      turns,
      selection: typeof selection === 'string' ? selection : 'listed',
      styles,
      system: system ?? null,
      matchLength,
      questions: questions.length,
      values,
      keys,
      draws,
      seed,
      offset,
    },
    differences,
    effects,
  };
}

type Items = readonly (PairItem | StyledItem)[];

function divide(
  items: Items,
  { pairs = Math.min(100, Math.floor(items.length * 0.75)), questions }: StudyKeysOptions,
): { readonly shown: Items; readonly heldOut: Items } {
  requireCount('pairs', pairs, 2);
  if (questions !== undefined) requireCount('questions', questions, 1);
  const shown = items.slice(0, pairs);
  const seen = new Set(shown.map(({ question }) => questionKey(question)));
  const heldOut = items.slice(pairs).filter(({ question }) => !seen.has(questionKey(question)));
  if (shown.length < pairs || heldOut.length < (questions ?? 1)) {
    throw new InvalidArgumentError(
      'items',
      `Expected at least ${pairs} items for the pairs and ${questions ?? 1} others to hold out, found ${items.length} in all. Ask for fewer, or give more items.`,
    );
  }
  return { shown, heldOut: heldOut.slice(0, questions ?? 24) };
}

function requireCount(argument: string, count: number, least: number): void {
  if (Number.isSafeInteger(count) && count >= least) return;
  throw new InvalidArgumentError(argument, `${argument} must be an integer from ${least} up, not ${count}.`);
}
