/** What conditions are made of: the vector, the pairs behind it, worked examples. */
import type { Engine } from '../../engine/engine.ts';
import { InvalidArgumentError } from '../../errors.ts';
import type { Condition } from '../../evaluate/condition.ts';
import type { ContrastivePair } from '../../pairs/pair.ts';
import type { SteeringVector } from '../../vectors/vector.ts';
import type { PairFlags } from '../options/evaluate-options.ts';
import { readVector } from '../read-vector.ts';
import { shippedFile } from '../shipped-file.ts';

export interface Materials {
  readonly vector: SteeringVector | null;
  /** Null where the flags name no items. */
  readonly pairs: readonly ContrastivePair[] | null;
  /** Questions with their positive answers, for few-shot prompts. */
  readonly examples: NonNullable<Condition['examples']>;
}

/** As `scripts/tiny-vectors.ts` makes the bundled vectors. */
const bundledPairs = { style: 'stepwise', against: 'direct', turns: 3, limit: 16 } as const;
const SHIPPED_ITEMS = 'steps';

/** With the bundled model and no flag about it: its stepwise vector and the pairs that this was made of. */
export async function readMaterials(
  flags: PairFlags,
  engine: Engine,
  isBundled: boolean,
  signal: AbortSignal,
): Promise<Materials> {
  const { vector: file, items } = flags;
  if ((flags.style === undefined) !== (flags.against === undefined)) {
    throw new InvalidArgumentError('style', '--style and --against go together: which style, against which.');
  }
  const useBundled = isBundled && file === undefined && items === undefined;
  const path = useBundled ? shippedFile('tiny', 'vectors', 'stepwise.safetensors') : file;
  const given = path === undefined ? null : await readVector(path);
  if (items === undefined && !useBundled) return { vector: given, pairs: null, examples: [] };
  const source = useBundled
    ? shippedFile('tiny', 'problems', 'pairs-items.jsonl')
    : items === SHIPPED_ITEMS
      ? shippedFile('pairs', 'steps.jsonl')
      : items!;
  const how = useBundled ? { ...flags, ...bundledPairs } : flags;
  const pairs = await pairsOf(source, how, given, engine, signal);
  const { extractVector } = await import('../../vectors/extract-vector.ts');
  const vector =
    given ??
    (await extractVector(engine, pairs, { recipe: `items of ${source.split(/[\\/]/).at(-1)}`, signal }));
  return { vector, pairs, examples: await examplesOf(source, how, signal) };
}

/** Pairs read at the position that the vector was extracted at. */
async function pairsOf(
  source: string,
  { style, against, turns, limit }: PairFlags,
  vector: SteeringVector | null,
  { tokenizer }: Engine,
  signal: AbortSignal,
): Promise<readonly ContrastivePair[]> {
  const { readPairsFile } = await import('../../pairs/read-pairs-file.ts');
  const { position = 1, offsetToken = null } = vector?.extraction ?? {};
  const pairs = await readPairsFile(source, {
    tokenizer,
    position,
    ...(offsetToken !== null && { offset: tokenizer.decode([offsetToken], { skipSpecialTokens: false }) }),
    ...(turns !== undefined && { turns }),
    ...(style !== undefined && against !== undefined && { styles: { positive: style, negative: against } }),
    signal,
  });
  return limit === undefined ? pairs : pairs.slice(0, limit);
}

/** The first items' positive turns; none where the file holds finished pairs. */
async function examplesOf(
  source: string,
  { style, against }: PairFlags,
  signal: AbortSignal,
): Promise<Materials['examples']> {
  const [{ readJsonLines }, { defaultStyles, exampleTurns }] = await Promise.all([
    import('../../data/json-lines.ts'),
    import('../../pairs/item.ts'),
  ]);
  const styles =
    style !== undefined && against !== undefined ? { positive: style, negative: against } : defaultStyles;
  const examples: { question: string; answer: string }[] = [];
  for await (const { line, value } of readJsonLines(source, { signal })) {
    if (examples.length >= MOST_EXAMPLES || !Object.hasOwn((value ?? {}) as object, 'question')) break;
    const { question, positive } = exampleTurns(value, `line ${line}`, styles, '');
    examples.push({ question, answer: positive.trim() });
  }
  return examples;
}

const MOST_EXAMPLES = 32;
