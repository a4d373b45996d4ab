import { type JsonLine, readJsonLines } from '../data/json-lines.ts';
import type { ChatMessage } from '../engine/engine.ts';
import { InvalidArgumentError, InvalidFileError } from '../errors.ts';
import { type BuildPairsOptions, buildPairs } from './build-pairs.ts';
import {
  defaultStyles,
  exampleTurns,
  type PairItem,
  type PairStyles,
  requireItem,
  type StyledItem,
  show,
} from './item.ts';
import { type ContrastivePair, makePair, type PairOptions, type PairPrompt } from './pair.ts';

export interface ReadFileOptions {
  /** Most lines, default 100,000. */
  readonly maxLines?: number;
  readonly signal?: AbortSignal;
}

export interface ReadPairsFileOptions extends BuildPairsOptions, ReadFileOptions {}

/**
 * Contrastive pairs from a JSONL file. Each line is a pair `{"positive", "negative"}`, each side the full
 * templated text or a list of messages (which get the chat template and its generation prompt); or each line is an
 * item `{"question", "steps", "answer"}` or `{"question", "styles"}`, from which {@link buildPairs} makes the pairs by
 * the same options. Other keys are left alone.
 *
 * @throws InvalidFileError naming the line for what is not such a file, holds no line, or makes no valid pair;
 * InvalidArgumentError for options out of range; the signal's reason.
 */
export async function readPairsFile(path: string, options: ReadPairsFileOptions): Promise<ContrastivePair[]> {
  const pairs: ContrastivePair[] = [];
  const items: (PairItem | StyledItem)[] = [];
  for await (const entry of readJsonLines(path, limitsOf(options))) {
    const kind = kindOf(entry, path);
    if ((kind === 'pair' ? items : pairs).length > 0) {
      throw new InvalidFileError(
        path,
        `line ${entry.line}: ${kind === 'pair' ? 'a pair' : 'an item'} among ${kind === 'pair' ? 'items' : 'pairs'}. Keep them in two files.`,
      );
    }
    if (kind === 'item') items.push(itemOf(entry, path, options.styles ?? defaultStyles));
    else pairs.push(pairOf(entry, path, options));
  }
  if (items.length > 0) return buildPairs(items, options);
  if (pairs.length === 0) throw noPairs(path);
  return pairs;
}

/**
 * The pairs of a file that holds nothing else, `{"positive", "negative"}` on each line, one at a time. Errors as those of
 * {@link readPairsFile}.
 */
export async function* pairsOfFile(
  path: string,
  options: PairOptions & ReadFileOptions,
): AsyncGenerator<ContrastivePair, void, undefined> {
  let count = 0;
  for await (const entry of readJsonLines(path, limitsOf(options))) {
    if (kindOf(entry, path) === 'item') {
      throw new InvalidFileError(
        path,
        `line ${entry.line}: expected a pair {"positive", "negative"}, found a question, which pairs are built from.`,
      );
    }
    yield pairOf(entry, path, options);
    count++;
  }
  if (count === 0) throw noPairs(path);
}

/**
 * The items of a JSONL file with `question`, `steps` and `answer` on each line. @throws InvalidFileError naming the
 * line.
 */
export async function readItemsFile(path: string, options: ReadFileOptions = {}): Promise<PairItem[]> {
  const items: PairItem[] = [];
  for await (const { line, value } of readJsonLines(path, options)) {
    naming(path, line, () => items.push(requireItem(value, 'item')));
  }
  return items;
}

/**
 * The items of a JSONL file whose lines have what the two styles are made of. @throws InvalidFileError naming the line.
 */
export async function readStyledItemsFile(
  path: string,
  styles: PairStyles,
  options: ReadFileOptions = {},
): Promise<(PairItem | StyledItem)[]> {
  const items: (PairItem | StyledItem)[] = [];
  for await (const entry of readJsonLines(path, options)) items.push(itemOf(entry, path, styles));
  return items;
}

function limitsOf({ maxLines, signal }: ReadFileOptions): ReadFileOptions {
  return { ...(maxLines !== undefined && { maxLines }), ...(signal && { signal }) };
}

function noPairs(path: string): InvalidFileError {
  return new InvalidFileError(path, 'holds no pairs. Expected one on each line.');
}

function kindOf({ line, value }: JsonLine, path: string): 'pair' | 'item' {
  const has = (key: string) => typeof value === 'object' && value !== null && Object.hasOwn(value, key);
  if (has('positive') && has('negative')) return 'pair';
  if (has('question') && (has('steps') || has('styles'))) return 'item';
  throw new InvalidFileError(
    path,
    `line ${line}: expected {"positive", "negative"}, {"question", "steps", "answer"} or {"question", "styles"}, found ${show(value)}.`,
  );
}

function itemOf({ line, value }: JsonLine, path: string, styles: PairStyles): PairItem | StyledItem {
  // What another item answers is known when all are read.
  naming(path, line, () => exampleTurns(value, 'item', styles, ''));
  return value as PairItem | StyledItem;
}

function pairOf({ line, value }: JsonLine, path: string, options: PairOptions): ContrastivePair {
  const { positive, negative } = value as Record<string, unknown>;
  return naming(path, line, () =>
    makePair(promptOf(positive, 'positive'), promptOf(negative, 'negative'), options, 'pair'),
  );
}

function promptOf(value: unknown, side: string): PairPrompt {
  if (typeof value === 'string') return value;
  if (Array.isArray(value) && value.length > 0 && value.every(isMessage)) {
    return value.map(({ role, content }) => ({ role, content }));
  }
  throw new InvalidArgumentError(
    'pairs',
    `expected "${side}" to be a text or a list of {"role", "content"} texts, found ${show(value)}.`,
  );
}

function isMessage(value: unknown): value is ChatMessage {
  if (typeof value !== 'object' || value === null) return false;
  const { role, content } = value as Record<string, unknown>;
  return typeof role === 'string' && role !== '' && typeof content === 'string';
}

/** Runs `make`; what is wrong with a line's content is the file's fault, so the error names file and line. */
function naming<T>(path: string, line: number, make: () => T): T {
  try {
    return make();
  } catch (cause) {
    // An option out of range is the caller's, whatever the line.
    const isContent = cause instanceof InvalidArgumentError && ['pairs', 'items'].includes(cause.argument);
    if (!isContent) throw cause;
    throw new InvalidFileError(path, `line ${line}: ${cause.message}`, { cause });
  }
}
