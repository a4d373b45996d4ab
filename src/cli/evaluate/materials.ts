/** What conditions are made of: the vector, the pairs behind it, worked examples. */
import type { Engine } from '../../engine/engine.ts';
import type { Condition } from '../../evaluate/condition.ts';
import type { ContrastivePair } from '../../pairs/pair.ts';
import type { SteeringVector } from '../../vectors/vector.ts';
import type { MaterialFlags } from '../options/evaluate-options.ts';
import { preparePairs } from '../prepare-pairs.ts';
import type { ProgressBar } from '../progress-bar.ts';
import { readVector } from '../read-vector.ts';
import { shippedFile } from '../shipped-file.ts';
import type { Terminal } from '../terminal.ts';

export interface Materials {
  readonly vector: SteeringVector | null;
  /** Null where the flags name none, nor questions to make them of. */
  readonly pairs: readonly ContrastivePair[] | null;
  /** Questions with their positive answers, for few-shot prompts. */
  readonly examples: NonNullable<Condition['examples']>;
}

/** As `scripts/tiny-vectors.ts` makes the bundled vectors. */
const bundledPairs = {
  data: shippedFile('tiny', 'problems', 'pairs-items.jsonl'),
  style: 'stepwise',
  against: 'direct',
  turns: 3,
  pairsCount: 16,
} as const;
const MOST_EXAMPLES = 32;

/**
 * With the bundled model and no flag about it: its stepwise vector and the pairs that this was made of. Pairs are read at the
 * position that the vector was extracted at.
 */
export async function readMaterials(
  flags: MaterialFlags,
  { engine, isBundled }: { readonly engine: Engine; readonly isBundled: boolean },
  terminal: Terminal,
  progress: ProgressBar,
): Promise<Materials> {
  const { vector: file, data, pairs: pairsFile } = flags;
  const hasPairs = data !== undefined || pairsFile !== undefined;
  const useBundled = isBundled && file === undefined && !hasPairs;
  const path = useBundled ? shippedFile('tiny', 'vectors', 'stepwise.safetensors') : file;
  const given = path === undefined ? null : await readVector(path, terminal.signal);
  if (!hasPairs && !useBundled) return { vector: given, pairs: null, examples: [] };
  const { tokenizer } = engine;
  const { position = 1, offsetToken = null } = given?.extraction ?? {};
  const prepared = await preparePairs(
    {
      ...{ turns: 2, selection: 'given', seed: 0, position },
      ...(offsetToken !== null && {
        offsetToken: tokenizer.decode([offsetToken], { skipSpecialTokens: false }),
      }),
      ...(useBundled ? bundledPairs : flags),
    },
    terminal,
    progress,
  );
  const pairs: ContrastivePair[] = [];
  for await (const pair of prepared.pairs(tokenizer)) pairs.push(pair);
  const examples = prepared.turns
    .slice(0, MOST_EXAMPLES)
    .map(({ question, positive }) => ({ question, answer: positive.trim() }));
  if (given !== null) return { vector: given, pairs, examples };
  const { extractVector } = await import('../../vectors/extract-vector.ts');
  const vector = await extractVector(engine, pairs, {
    recipe: prepared.recipe(),
    signal: terminal.signal,
    onProgress: ({ done, total }) =>
      progress.update({ phase: 'extracting pairs', done, total, unit: 'count' }),
  });
  return { vector, pairs, examples };
}
