import { type JsonLine, readJsonLines } from '../data/json-lines.ts';
import type { ChatMessage } from '../engine/engine.ts';
import { InvalidArgumentError, InvalidFileError } from '../errors.ts';
import { type BuildPairsOptions, buildPairs } from './build-pairs.ts';
import { exampleTurns, type PairItem, requireItem, type StyledItem, show } from './item.ts';
import { type ContrastivePair, makePair, type PairPrompt } from './pair.ts';

export interface ReadPairsFileOptions extends BuildPairsOptions {
  /** Most lines, default 100,000. */
  readonly maxLines?: number;
  readonly signal?: AbortSignal;
}

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
  const { maxLines, signal, styles } = options;
  const limits = { ...(maxLines !== undefined && { maxLines }), ...(signal && { signal }) };
  for await (const entry of readJsonLines(path, limits)) {
    const kind = kindOf(entry, path);
    if ((kind === 'pair' ? items : pairs).length > 0) {
      throw new InvalidFileError(
        path,
        `line ${entry.line}: ${kind === 'pair' ? 'a pair' : 'an item'} among ${kind === 'pair' ? 'items' : 'pairs'}. Keep them in two files.`,
      );
    }
    naming(path, entry.line, () => {
      if (kind === 'item') {
        exampleTurns(entry.value, 'item', styles);
        items.push(entry.value as PairItem | StyledItem);
      } else pairs.push(pairOf(entry.value as Record<string, unknown>, options));
    });
  }
  if (items.length > 0) return buildPairs(items, options);
  if (pairs.length === 0) throw new InvalidFileError(path, 'holds no pairs. Expected one on each line.');
  return pairs;
}

/**
 * The items of a JSONL file with `question`, `steps` and `answer` on each line. @throws InvalidFileError naming the
 * line.
 */
export async function readItemsFile(
  path: string,
  options: { readonly maxLines?: number; readonly signal?: AbortSignal } = {},
): Promise<PairItem[]> {
  const items: PairItem[] = [];
  for await (const { line, value } of readJsonLines(path, options)) {
    naming(path, line, () => items.push(requireItem(value, 'item')));
  }
  return items;
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

function pairOf(entry: Record<string, unknown>, options: BuildPairsOptions): ContrastivePair {
  return makePair(
    promptOf(entry.positive, 'positive'),
    promptOf(entry.negative, 'negative'),
    options,
    'pair',
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
function naming(path: string, line: number, make: () => void): void {
  try {
    make();
  } catch (cause) {
    // An option out of range is the caller's, whatever the line.
    const isContent = cause instanceof InvalidArgumentError && ['pairs', 'items'].includes(cause.argument);
    if (!isContent) throw cause;
    throw new InvalidFileError(path, `line ${line}: ${cause.message}`, { cause });
  }
}
