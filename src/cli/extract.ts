import { stat } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import type { Engine } from '../engine/engine.ts';
import { InvalidArgumentError } from '../errors.ts';
import type { ContrastivePair } from '../pairs/pair.ts';
import type { KeyMode, SteeringVector } from '../vectors/vector.ts';
import { checkAggregation, extractAggregated } from './aggregated.ts';
import { requireFreeOutput } from './free-output.ts';
import { measuresOf } from './inspect.ts';
import { openEngine } from './open-engine.ts';
import { type AggregationFlags, addAggregationOptions } from './options/aggregation-options.ts';
import { DEFAULT_MODEL, DEFAULT_PRECISION } from './options/defaults.ts';
import { addModelOptions, type ModelFlags } from './options/model-options.ts';
import { escapedText, number } from './options/parse.ts';
import { ProgressBar } from './progress-bar.ts';
import { counted, formatMilliseconds, shellWord } from './render/quantities.ts';
import { renderFields } from './render/table.ts';
import { shippedFile } from './shipped-file.ts';
import { colorsOf, printJson, printLine, type Terminal } from './terminal.ts';

interface ExtractFlags extends ModelFlags, AggregationFlags {
  readonly pairs?: string;
  readonly items?: string;
  readonly output: string;
  readonly overwrite?: boolean;
  readonly turns: number;
  readonly selection: 'given' | 'random';
  readonly seed: number;
  readonly style?: string;
  readonly against?: string;
  readonly system?: string;
  readonly limit?: number;
  readonly position: number;
  readonly offsetToken?: string;
  readonly keyMode: KeyMode;
  readonly recommendValues?: number;
  readonly recommendKeys?: number;
  readonly name?: string;
  readonly licence?: string;
  readonly creator?: string;
  readonly json?: boolean;
}

const SHIPPED_ITEMS = 'steps';

const examples = `
Files, one JSON object a line:
  --pairs   {"positive": "...", "negative": "..."}
            Each side is the full templated text, or a list of {"role", "content"} messages.
  --items   {"question": "...", "steps": ["...", "..."], "answer": "..."}
            Each question is asked after example turns of other items, which reason step by step
            (positive) or only answer (negative).
            {"question": "...", "styles": {"direct": "...", "stepwise": "..."}}
            With --style and --against the example turns show these answers, as they are.

With SOURCE_DATE_EPOCH (seconds) as the date, the same pairs give the same bytes.
An existing output file is kept, and the command refuses to begin, unless --overwrite is given.

Examples:
  kvsteer extract --items steps -o steps.safetensors
  kvsteer extract --items mine.jsonl --turns 5 --selection random --seed 1 -o mine.safetensors
  kvsteer extract --pairs pairs.jsonl --key-mode post-rope -o published.safetensors
`;

export function addExtractCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command('extract')
    .summary('make a steering vector from contrastive pairs')
    .description(
      'Makes a steering vector: reads both prompts of each contrastive pair, takes the keys and values of one token in all layers, and averages the differences (positive - negative) into one file.',
    )
    .optionsGroup('Pairs:')
    .addOption(new Option('-p, --pairs <file>', 'JSONL file of pairs').conflicts('items'))
    .addOption(
      new Option(
        '-i, --items <file>',
        'JSONL file of worked questions to build pairs from; "steps": 16 that come with kvsteer',
      ),
    )
    .option('--limit <n>', 'use the first n pairs only (default: all)', number({ min: 1, integer: true }))
    .option(
      '--turns <n>',
      'with --items: example turns in each prompt',
      number({ min: 1, max: 1000, integer: true }),
      2,
    )
    .addOption(
      new Option('--selection <how>', 'with --items: examples are the next items, or drawn')
        .choices(['given', 'random'])
        .default('given'),
    )
    .option(
      '--seed <n>',
      'with --selection random: draws the same examples each time',
      number({ integer: true }),
      0,
    )
    .option('--style <name>', 'with --items: style of the answers in positive example turns')
    .option('--against <name>', 'with --style: style of the answers in negative ones')
    .option('-s, --system <text>', "with --items: system message (default: the chat template's own)")
    .optionsGroup('Extraction:')
    .option(
      '--position <n>',
      'token that is read, counted from the end of the prompt; 1 is the last',
      number({ min: 1, integer: true }),
      1,
    )
    .option('--offset-token <text>', 'one token appended to both prompts first (default: none)', escapedText)
    .addOption(
      new Option(
        '--key-mode <mode>',
        'unrotated: keys without RoPE, content only; post-rope: as published, mostly an artefact of position',
      )
        .choices(['unrotated', 'post-rope'])
        .default('unrotated'),
    );
  addAggregationOptions(command);
  addModelOptions(command)
    .optionsGroup('Output:')
    .requiredOption('-o, --output <file>', 'where the vector goes, a .safetensors file (required)')
    .option('--overwrite', 'replace the output file if it exists')
    .option('--recommend-values <c>', 'coefficient of the values, kept in the file as its default', number())
    .option('--recommend-keys <c>', 'coefficient of the keys, kept in the file as its default', number())
    .option('--name <text>', 'what the vector is, kept in the file (default: the file it came from)')
    .option('--licence <text>', 'licence of the vector, kept in the file')
    .option('--creator <text>', 'who made it, kept in the file')
    .option('--json', 'print the summary as one JSON object')
    .addHelpText('after', examples)
    .action((flags: ExtractFlags) => extract(flags, terminal));
}

async function extract(flags: ExtractFlags, terminal: Terminal): Promise<void> {
  const input = inputOf(flags);
  checkAggregation(flags);
  const created = dateOfSource();
  await checkFiles(input, flags);
  const { stdout, stderr, signal } = terminal;
  using progress = new ProgressBar(stderr);
  const { inspectVector } = await import('../vectors/inspect-vector.ts');
  const { saveVector } = await import('../vectors/vector-file.ts');
  await using engine = await openEngine(flags, terminal, progress);
  const pairs = await readPairs(input, flags, engine, signal);
  const started = performance.now();
  let tokens = 0;
  progress.update({ phase: 'extracting pairs', done: 0, total: pairs.length, unit: 'count' });
  const { vector, pairsFromCache } = await extractAggregated(engine, pairs, flags, {
    keyMode: flags.keyMode,
    recipe: recipeOf(flags),
    recommended: { values: flags.recommendValues ?? null, keys: flags.recommendKeys ?? null, layers: null },
    ...(created !== null && { created }),
    ...(flags.licence !== undefined && { licence: flags.licence }),
    ...(flags.creator !== undefined && { creator: flags.creator }),
    signal,
    onProgress: (event) => {
      tokens = event.tokens;
      progress.update({ phase: 'extracting pairs', done: event.done, total: event.total, unit: 'count' });
    },
  });
  const milliseconds = performance.now() - started;
  signal.throwIfAborted();
  await saveVector(vector, flags.output);
  progress.stop();

  const inspection = inspectVector(vector);
  if (flags.json) {
    const { meanKeyNorm, meanValueNorm, statistics } = inspection;
    printJson(stdout, {
      path: flags.output,
      pairs: pairs.length,
      pairsFromCache,
      tokens,
      milliseconds,
      meanKeyNorm,
      meanValueNorm,
      statistics,
    });
    return;
  }
  const colors = colorsOf(stdout);
  const reading = `${counted(pairs.length, 'pair')}, ${counted(tokens, 'token')} in ${formatMilliseconds(milliseconds)}`;
  const kept = `${counted(pairsFromCache, 'pair')} from the cache (--no-cache reads them again)`;
  const whole = pairsFromCache === pairs.length;
  const read = ['read', whole ? kept : pairsFromCache === 0 ? reading : `${reading}, ${kept}`] as const;
  printLine(stdout, `${colors.green('✔')} ${colors.bold(flags.output)}\n`);
  printLine(stdout, renderFields([read, ...measuresOf(vector, inspection)], colors));
  printLine(stdout, `\n${colors.dim('Try it:')}\n  ${nextCommand(flags, vector)}`);
}

/** The file of pairs or items. `steps` names the one that comes with the package; a file of that name is `./steps`. */
function inputOf({ pairs, items, style, against }: ExtractFlags): string {
  if ((style === undefined) !== (against === undefined) || (style !== undefined && items === undefined)) {
    throw new InvalidArgumentError('style', '--style and --against go together, and with --items.');
  }
  const input = pairs ?? items;
  if (input === undefined) {
    throw new InvalidArgumentError(
      'pairs',
      'Give the contrastive pairs: --pairs FILE.jsonl, or --items FILE.jsonl to build them, or --items steps for those that come with kvsteer.',
    );
  }
  return input === items && input === SHIPPED_ITEMS ? shippedFile('pairs', 'steps.jsonl') : input;
}

/** $SOURCE_DATE_EPOCH as a date, or null: the convention for builds that give the same bytes each time. */
function dateOfSource(env: NodeJS.ProcessEnv = process.env): string | null {
  const { SOURCE_DATE_EPOCH: seconds = '' } = env;
  if (seconds === '') return null;
  if (/^\d{1,10}$/.test(seconds)) return new Date(Number(seconds) * 1000).toISOString();
  throw new InvalidArgumentError(
    'SOURCE_DATE_EPOCH',
    `SOURCE_DATE_EPOCH must be a whole number of seconds since 1970; it is "${seconds}". Unset it, or set it right.`,
  );
}

/** What can be refused before a model is loaded. */
async function checkFiles(input: string, flags: ExtractFlags): Promise<void> {
  await stat(input);
  await requireFreeOutput(flags);
}

async function readPairs(
  input: string,
  flags: ExtractFlags,
  { tokenizer }: Engine,
  signal: AbortSignal,
): Promise<ContrastivePair[]> {
  const { readPairsFile } = await import('../pairs/read-pairs-file.ts');
  const { limit, turns, selection, seed, style, against, system, position, offsetToken } = flags;
  const pairs = await readPairsFile(input, {
    tokenizer,
    turns,
    selection,
    seed,
    position,
    ...(style !== undefined && against !== undefined && { styles: { positive: style, negative: against } }),
    ...(system !== undefined && { system }),
    ...(offsetToken !== undefined && { offset: offsetToken }),
    signal,
  });
  return limit === undefined ? pairs : pairs.slice(0, limit);
}

/** How the vector was made, for whoever finds the file. */
function recipeOf(flags: ExtractFlags): string {
  const { name, pairs, items, style, against, turns, selection, seed, limit, system } = flags;
  const base = (path: string) => path.split(/[\\/]/).at(-1) ?? path;
  const drawn = selection === 'random' ? `random, seed ${seed}` : 'given';
  const built = `items of ${base(items ?? '')}, ${counted(turns, 'example turn')} (${drawn})`;
  const source = pairs === undefined ? built : `pairs of ${base(pairs)}`;
  const rest = [
    ...(style === undefined ? [] : [`${style} against ${against}`]),
    ...(limit === undefined ? [] : [`the first ${limit}`]),
    ...(system === undefined ? [] : [`system message ${JSON.stringify(system)}`]),
  ];
  return [name === undefined ? source : `${name}: ${source}`, ...rest].join(', ');
}

function nextCommand({ model, precision, output }: ExtractFlags, { keyMode }: SteeringVector): string {
  const words = ['kvsteer', 'compare', '--vector', shellWord(output), '--values', '1,2,4'];
  if (keyMode === 'post-rope') words.push('--keys', '0');
  if (model !== DEFAULT_MODEL) words.push('--model', shellWord(model));
  if (precision !== DEFAULT_PRECISION) words.push('--precision', precision);
  return `${words.join(' ')} "A pen costs 3 dollars. How much are 7 pens?"`;
}
