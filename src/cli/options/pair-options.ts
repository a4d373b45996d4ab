import { type Command, Option } from 'commander';
import { InvalidArgumentError } from '../../errors.ts';
import { builtInStyles, defaultStyles, type PairStyles } from '../../pairs/item.ts';
import { exampleSelections } from '../../pairs/select-examples.ts';
import { addDataOptions, type DataFlags } from './data-options.ts';
import { escapedText, number } from './parse.ts';

/** Where pairs come from and how they are read: the same for `extract` and `pairs`. */
export interface PairFlags extends DataFlags {
  readonly pairs?: string;
  readonly data?: string;
  readonly pairsCount?: number;
  readonly turns: number;
  readonly selection: (typeof exampleSelections)[number];
  readonly embedder?: string;
  readonly seed: number;
  readonly style?: string;
  readonly against?: string;
  readonly system?: string;
  readonly template?: string;
  readonly matchLength?: boolean;
  readonly maxGap?: number;
  readonly position: number;
  readonly offsetToken?: string;
}

/** The name, for --embedder, of doing without sentence embeddings. */
export const BM25 = 'bm25';
/** More make little difference (arXiv 2507.08799 used 100 to 1,000), and take their time. */
export const DEFAULT_PAIRS = 200;

const builtIn = Object.entries(builtInStyles)
  .map(([name, text]) => `  ${name.padEnd(13)} ${text}`)
  .join('\n');

/** For the end of the help of a command with these flags. */
export const pairHelp = `
Where the pairs come from:
  --data    steps: 16 worked questions that come with kvsteer
            gsm8k-slice:train, gsm8k:train, csqa:train, ...: a known question set
            a file, a folder, a hub id (owner/name:split) or an address of questions with solutions
            a JSONL file, one object a line, of
              {"question": "...", "steps": ["...", "..."], "answer": "..."}
              {"question": "...", "styles": {"direct": "...", "stepwise": "..."}}
            Each question is asked after example turns of other questions.
  --pairs   JSONL, one object a line: {"positive": "...", "negative": "..."}
            Each side is the full templated text, or a list of {"role", "content"} messages.

Styles of the example turns, beside those that a line names itself:
${builtIn}
`;

export function addPairOptions(command: Command): Command {
  addEarlierNames(command);
  command
    .optionsGroup('Pairs:')
    .option(
      '-d, --data <source>',
      'worked questions to build pairs from; "steps": 16 that come with kvsteer; gsm8k:train, a file, a hub id',
    );
  return addDataOptions(command)
    .addOption(new Option('-p, --pairs <file>', 'JSONL file of finished pairs').conflicts('data'))
    .option(
      '--pairs-count <n>',
      `how many pairs, of the first questions that give one; the others are examples only (default: ${DEFAULT_PAIRS}, or all of fewer; all with --pairs)`,
      number({ min: 1, integer: true }),
    )
    .option('--turns <n>', 'example turns in each prompt', number({ min: 1, max: 1000, integer: true }), 2)
    .addOption(
      new Option(
        '--selection <how>',
        'given: examples are the next questions; fixed: the first ones; random: drawn; nearest: those most like the question, by sentence embeddings (all-MiniLM-L6-v2), or by words (BM25) where there is no such model',
      )
        .choices(exampleSelections)
        .default('given'),
    )
    .option(
      '--embedder <model>',
      `with --selection nearest: another sentence embedding model, a hub id or a folder with onnx/model.onnx; ${BM25}: none`,
    )
    .option(
      '--seed <n>',
      'with --selection random: draws the same examples each time',
      number({ integer: true }),
      0,
    )
    .option(
      '--style <name>',
      `how the examples of positive prompts answer, see below (default: ${defaultStyles.positive})`,
    )
    .option('--against <name>', `how those of negative prompts do (default: ${defaultStyles.negative})`)
    .option(
      '--match-length',
      'more examples in the shorter prompt, so that both have as many tokens: what then differs is not the position',
    )
    .option(
      '--max-gap <n>',
      'leave out pairs whose prompts differ by more tokens (default: none)',
      number({ min: 0, integer: true }),
    )
    .option('-s, --system <text>', "system message (default: the chat template's own)")
    .option(
      '--template <text>',
      'one turn with {question} and {answer}, for a model without chat template, e.g. "Q: {question}\\nA: {answer}\\n\\n"',
      escapedText,
    )
    .optionsGroup('Extraction:')
    .option(
      '--position <n>',
      'token that is read, counted from the end of the prompt; 1 is the last',
      number({ min: 1, integer: true }),
      1,
    )
    .option('--offset-token <text>', 'one token appended to both prompts first (default: none)', escapedText);
}

/** What --data and --pairs-count were called first. */
function addEarlierNames(command: Command): void {
  command
    .addOption(new Option('-i, --items <source>').hideHelp().conflicts('pairs'))
    .addOption(new Option('--limit <n>').argParser(number({ min: 1, integer: true })).hideHelp())
    .on('option:items', (source: string) => command.setOptionValueWithSource('data', source, 'implied'))
    .on('option:limit', () =>
      command.setOptionValueWithSource('pairsCount', command.getOptionValue('limit'), 'implied'),
    );
}

const onlyWithData = [
  'style',
  'against',
  'system',
  'template',
  'matchLength',
  'embedder',
  'map',
  'dataFolder',
] as const;

/** @throws InvalidArgumentError for flags that do not go together: before anything is read. */
export function checkPairFlags(flags: PairFlags): void {
  const { pairs, data, embedder, selection } = flags;
  if (pairs === undefined && data === undefined) {
    throw new InvalidArgumentError(
      'data',
      'Give the questions that pairs are built from, e.g. --data steps for those that come with kvsteer, or finished pairs: --pairs FILE.jsonl.',
    );
  }
  const stray = pairs === undefined ? undefined : onlyWithData.find((name) => flags[name] !== undefined);
  if (stray !== undefined) {
    const flag = stray.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    throw new InvalidArgumentError(stray, `--${flag} builds pairs: it goes with --data, not with --pairs.`);
  }
  if (embedder !== undefined && selection !== 'nearest') {
    throw new InvalidArgumentError('embedder', '--embedder goes with --selection nearest.');
  }
}

/** What the flags leave open is as published. */
export function stylesOf({ style, against }: Pick<PairFlags, 'style' | 'against'>): PairStyles {
  return { positive: style ?? defaultStyles.positive, negative: against ?? defaultStyles.negative };
}
