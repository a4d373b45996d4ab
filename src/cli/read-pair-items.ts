import { stat } from 'node:fs/promises';
import { InvalidArgumentError } from '../errors.ts';
import type { PairItem, PairStyles, StyledItem } from '../pairs/item.ts';
import type { ProgressBar } from './progress-bar.ts';
import { shippedFile } from './shipped-file.ts';

export interface PairItems {
  readonly items: readonly (PairItem | StyledItem)[];
  /** Questions without a worked solution or an answer. */
  readonly leftOut: number;
  /** What the source is called in records: a file's name without its folder. */
  readonly name: string;
}

/** The questions that come with the package; a file of that name is `./steps`. */
const SHIPPED = 'steps';

/**
 * What pairs are built from: the shipped questions, a JSONL file of items, or a question set of `loadQuestions`.
 *
 * @throws InvalidArgumentError where no question has a worked solution; what reading the source throws.
 */
export async function readPairItems(
  source: string,
  styles: PairStyles,
  { signal, progress }: { readonly signal: AbortSignal; readonly progress: ProgressBar },
): Promise<PairItems> {
  const file = source === SHIPPED ? shippedFile('pairs', 'steps.jsonl') : source;
  const isFile = await stat(file).then(
    (found) => found.isFile(),
    () => false,
  );
  const name = isFile ? (file.split(/[\\/]/).at(-1) ?? file) : source;
  if (isFile && (await holdsItems(file, signal))) {
    const { readStyledItemsFile } = await import('../pairs/read-pairs-file.ts');
    return { items: await readStyledItemsFile(file, styles, { signal }), leftOut: 0, name };
  }
  const { loadQuestions } = await import('../data/load-questions.ts');
  const { questionItems } = await import('../pairs/question-items.ts');
  const { questions } = await loadQuestions(source, {
    signal,
    onProgress: (event) => {
      if (event.phase === 'read') return;
      progress.update({
        phase: event.phase,
        done: event.receivedBytes,
        total: event.totalBytes,
        file: event.file,
      });
    },
  });
  progress.stop();
  const { items, leftOut } = questionItems(questions);
  if (items.length === 0) {
    throw new InvalidArgumentError(
      'data',
      `${source} has ${questions.length} questions, but none with a worked solution, which positive examples show. Give others, or write them: see kvsteer traces.`,
    );
  }
  return { items, leftOut, name };
}

/** Whether the first line of a file is an item as `kvsteer extract --help` describes it, and not a row of some data set. */
async function holdsItems(path: string, signal: AbortSignal): Promise<boolean> {
  const { readJsonLines } = await import('../data/json-lines.ts');
  try {
    for await (const { value } of readJsonLines(path, { signal })) {
      const has = (key: string) => typeof value === 'object' && value !== null && Object.hasOwn(value, key);
      return has('question') && (has('steps') || has('styles'));
    }
  } catch {
    // Not JSONL, or a damaged file: whoever reads it next says so.
    signal.throwIfAborted();
  }
  return false;
}
