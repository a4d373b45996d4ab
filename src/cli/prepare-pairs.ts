import { stat } from 'node:fs/promises';
import type { Tokenizer } from '../engine/engine.ts';
import { DownloadError, InvalidArgumentError, MissingPackageError, ModelNotFoundError } from '../errors.ts';
import type { LeftOutPair } from '../pairs/build-pairs.ts';
import type { ExampleTurns } from '../pairs/item.ts';
import type { ContrastivePair } from '../pairs/pair.ts';
import type { ExampleSelection } from '../pairs/select-examples.ts';
import { BM25, checkPairFlags, DEFAULT_PAIRS, type PairFlags, stylesOf } from './options/pair-options.ts';
import type { ProgressBar } from './progress-bar.ts';
import { readPairItems } from './read-pair-items.ts';
import { counted } from './render/quantities.ts';
import { colorsOf, printLine, type Terminal } from './terminal.ts';

export interface PreparedPairs {
  /** Pairs at most; null where that is known when a file has been read. */
  readonly most: number | null;
  /** The pairs, made as they are asked for; from the beginning each time it is called. */
  readonly pairs: (tokenizer: Tokenizer) => AsyncIterable<ContrastivePair>;
  /** Of every question, what it says as an example: first those that are asked. None where finished pairs were given. */
  readonly turns: readonly ExampleTurns[];
  /** Those of the questions after the last that a pair asks; to be asked when the pairs have been made. */
  readonly heldOut: () => readonly ExampleTurns[];
  /** Those that --max-gap left out of the last pass. */
  readonly leftOut: readonly LeftOutPair[];
  /** How the pairs were made, for whoever finds the vector. To be asked when they have been made. */
  readonly recipe: () => string;
}

/**
 * Reads what the pairs are made of and chooses the examples: all that needs no language model, so that what is wrong is said
 * before one is loaded.
 */
export async function preparePairs(
  flags: PairFlags,
  terminal: Terminal,
  progress: ProgressBar,
): Promise<PreparedPairs> {
  checkPairFlags(flags);
  const { data, pairs } = flags;
  if (data !== undefined) return fromData(data, flags, terminal, progress);
  await stat(pairs!);
  return fromFile(pairs!, flags, terminal);
}

async function fromFile(
  path: string,
  { pairsCount, position, offsetToken, maxGap = Infinity }: PairFlags,
  { signal }: Terminal,
): Promise<PreparedPairs> {
  const { pairsOfFile } = await import('../pairs/read-pairs-file.ts');
  const leftOut: LeftOutPair[] = [];
  const recipe = () =>
    [
      `pairs of ${path.split(/[\\/]/).at(-1)}`,
      ...(pairsCount === undefined ? [] : [`the first ${pairsCount}`]),
      ...gapNotes(maxGap, leftOut),
    ].join(', ');
  async function* read(tokenizer: Tokenizer) {
    leftOut.length = 0;
    let [line, made] = [0, 0];
    const offset = offsetToken ?? null;
    for await (const pair of pairsOfFile(path, { tokenizer, position, offset, signal })) {
      const gap = pair.positive.tokens.length - pair.negative.tokens.length;
      const item = line++;
      if (Math.abs(gap) > maxGap) {
        leftOut.push({ item, gap });
        continue;
      }
      yield pair;
      if (++made === pairsCount) return;
    }
    if (made === 0) throw allLeftOut(maxGap, leftOut);
  }
  return { most: null, pairs: read, turns: [], heldOut: () => [], leftOut, recipe };
}

async function fromData(
  source: string,
  flags: PairFlags,
  terminal: Terminal,
  progress: ProgressBar,
): Promise<PreparedPairs> {
  const { signal } = terminal;
  const { pairsOf, turnsOf } = await import('../pairs/build-pairs.ts');
  const styles = stylesOf(flags);
  const { items, name } = await readPairItems(source, styles, flags, terminal, progress);
  const questions = items.map(({ question }) => question);
  const { selection, label } = await chooseExamples(flags, questions, terminal, progress);
  const { pairsCount = DEFAULT_PAIRS, turns, seed, system, template, matchLength = false, maxGap } = flags;
  const leftOut: LeftOutPair[] = [];
  const recipe = () =>
    [
      `items of ${name}, ${counted(turns, 'example turn')} (${label})`,
      ...((flags.style ?? flags.against) === undefined
        ? []
        : [`${styles.positive} against ${styles.negative}`]),
      ...(flags.pairsCount === undefined && items.length <= pairsCount ? [] : [`the first ${pairsCount}`]),
      ...(matchLength ? ['lengths matched'] : []),
      ...gapNotes(maxGap ?? Infinity, leftOut),
      ...(system === undefined ? [] : [`system message ${JSON.stringify(system)}`]),
      ...(template === undefined ? [] : [`template ${JSON.stringify(template)}`]),
    ].join(', ');
  let asked = 0;
  async function* build(tokenizer: Tokenizer) {
    leftOut.length = 0;
    const made = pairsOf(items, {
      ...{ tokenizer, turns, selection, seed, styles, matchLength, count: pairsCount },
      ...{ position: flags.position, offset: flags.offsetToken ?? null },
      ...(maxGap !== undefined && { maxGap }),
      ...(system !== undefined && { system }),
      ...(template !== undefined && { template }),
      onLeftOut: (pair) => leftOut.push(pair),
    });
    let isEmpty = true;
    for (const pair of made) {
      signal.throwIfAborted();
      isEmpty = false;
      asked = (pair.source?.item ?? 0) + 1;
      yield pair;
    }
    if (isEmpty) throw allLeftOut(maxGap ?? Infinity, leftOut);
  }
  const most = Math.min(items.length, pairsCount);
  const shown = turnsOf(items, styles);
  return { most, pairs: build, turns: shown, heldOut: () => shown.slice(asked), leftOut, recipe };
}

function allLeftOut(maxGap: number, leftOut: readonly LeftOutPair[]): InvalidArgumentError {
  const nearest = Math.min(...leftOut.map(({ gap }) => Math.abs(gap)));
  return new InvalidArgumentError(
    'maxGap',
    `--max-gap ${maxGap} leaves no pair: of ${leftOut.length}, the nearest prompts are ${nearest} tokens apart. Allow more, or match their lengths: --match-length.`,
  );
}

function gapNotes(maxGap: number, leftOut: readonly LeftOutPair[]): string[] {
  return maxGap === Infinity
    ? []
    : [`at most ${counted(maxGap, 'token')} apart (${leftOut.length} left out)`];
}

interface Choice {
  readonly selection: ExampleSelection;
  /** For the recipe. */
  readonly label: string;
}

async function chooseExamples(
  { selection, seed, embedder }: PairFlags,
  questions: readonly string[],
  { stderr, signal }: Terminal,
  progress: ProgressBar,
): Promise<Choice> {
  if (selection === 'random') return { selection, label: `random, seed ${seed}` };
  if (selection !== 'nearest') return { selection, label: selection };
  const byWords = { selection, label: 'nearest by BM25' };
  if (embedder === BM25) return byWords;
  try {
    return await byMeaning(embedder, questions, signal, progress);
  } catch (error) {
    progress.stop();
    // Asked for by name, it is not replaced.
    const isAbsent =
      error instanceof MissingPackageError ||
      error instanceof ModelNotFoundError ||
      error instanceof DownloadError;
    if (embedder !== undefined || !isAbsent) throw error;
    const note = `No sentence embedding model at hand, so the nearest questions are those that share most words (BM25). ${error.message}`;
    printLine(stderr, colorsOf(stderr).dim(note));
    return byWords;
  }
}

async function byMeaning(
  model: string | undefined,
  questions: readonly string[],
  signal: AbortSignal,
  progress: ProgressBar,
): Promise<Choice> {
  const { loadEmbedder } = await import('../load-embedder.ts');
  const { nearestByEmbedding } = await import('../pairs/nearest.ts');
  await using embedder = await loadEmbedder(model, {
    signal,
    onProgress: ({ phase, receivedBytes, totalBytes, file }) =>
      progress.update({ phase, done: receivedBytes, total: totalBytes, file }),
  });
  const embeddings = await embedder.embed(questions, {
    signal,
    onProgress: ({ done, total }) =>
      progress.update({ phase: 'embedding questions', done, total, unit: 'count' }),
  });
  progress.stop();
  return {
    selection: nearestByEmbedding(questions, embeddings),
    label: `nearest by ${embedder.name}`,
  };
}
