import { stat } from 'node:fs/promises';
import { InvalidArgumentError } from '../errors.ts';
import type { PairItem, PairStyles, StyledItem } from '../pairs/item.ts';
import { type DataFlags, dataOptions } from './options/data-options.ts';
import type { ProgressBar } from './progress-bar.ts';
import { counted } from './render/quantities.ts';
import { shippedFile } from './shipped-file.ts';
import { showDownload } from './show-download.ts';
import { colorsOf, printLine, type Terminal } from './terminal.ts';

export interface PairItems {
  readonly items: readonly (PairItem | StyledItem)[];
  /** What the source is called in records: of a path, its last part. */
  readonly name: string;
}

/** The questions that come with the package; a file of that name is `./steps`. */
const SHIPPED = 'steps';

/**
 * What pairs are built from: the shipped questions, a JSONL file of items, or a question set of `loadQuestions`. Says on
 * stderr how many questions of a set are of no use.
 *
 * @throws InvalidArgumentError where no question has a worked solution; what reading the source throws.
 */
export async function readPairItems(
  source: string,
  styles: PairStyles,
  flags: DataFlags,
  { stderr, signal }: Terminal,
  progress: ProgressBar,
): Promise<PairItems> {
  const file = source === SHIPPED ? shippedFile('pairs', 'steps.jsonl') : source;
  const isFile = await stat(file).then(
    (found) => found.isFile(),
    () => false,
  );
  const isPath = isFile || /^([./~\\]|[A-Za-z]:[\\/])/.test(source);
  const name = isPath ? (file.split(/[\\/]/).findLast((part) => part !== '') ?? file) : source;
  // Who says which field is what has rows of some data set.
  if (isFile && flags.map === undefined && (await holdsItems(file, signal))) {
    const { readStyledItemsFile } = await import('../pairs/read-pairs-file.ts');
    return { items: await readStyledItemsFile(file, styles, { signal }), name };
  }
  const { loadQuestions } = await import('../data/load-questions.ts');
  const { questionItems } = await import('../pairs/question-items.ts');
  const { questions, report } = await loadQuestions(source, {
    ...dataOptions(flags),
    signal,
    onProgress: showDownload(progress),
  });
  progress.stop();
  const { items, leftOut } = questionItems(questions);
  if (items.length === 0) {
    throw new InvalidArgumentError(
      'data',
      `${source} has ${counted(questions.length, 'question')}, but none with a worked solution, which positive examples show. Give others, or write them: see kvsteer traces.`,
    );
  }
  const { count: malformed } = report.malformed;
  if (malformed > 0) {
    const note = `${counted(malformed, 'row')} of ${name} malformed: left out. kvsteer data tells which.`;
    printLine(stderr, colorsOf(stderr).dim(note));
  }
  if (leftOut > 0) {
    const note = `${counted(leftOut, 'question')} of ${name} without a worked solution or an answer: left out.`;
    printLine(stderr, colorsOf(stderr).dim(note));
  }
  return { items, name };
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
