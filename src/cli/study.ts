import { mkdir, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { InvalidArgumentError } from '../errors.ts';
import type { PairStyles } from '../pairs/item.ts';
import type { conditionLabels } from '../study/key-effects.ts';
import type { KeyStudy } from '../study/study-keys.ts';
import { openEngine } from './open-engine.ts';
import { addDataOptions, type DataFlags } from './options/data-options.ts';
import { DEFAULT_MODEL, DEFAULT_OFFSET } from './options/defaults.ts';
import { addModelOptions, type ModelFlags } from './options/model-options.ts';
import { stylesOf } from './options/pair-options.ts';
import { escapedText, number } from './options/parse.ts';
import { ProgressBar } from './progress-bar.ts';
import { type PairItems, readPairItems } from './read-pair-items.ts';
import { renderHeatMap } from './render/heat-map.ts';
import { formatPercent } from './render/quantities.ts';
import { renderFields, renderTable } from './render/table.ts';
import { wrapText } from './render/wrap.ts';
import { shippedFile } from './shipped-file.ts';
import { type Colors, colorsOf, printJson, printLine, type Terminal, widthOf } from './terminal.ts';

interface KeysFlags extends ModelFlags, DataFlags {
  readonly data?: string;
  readonly style?: string;
  readonly against?: string;
  readonly pairsCount?: number;
  readonly questions?: number;
  readonly turns: number;
  readonly selection: 'given' | 'random';
  readonly seed: number;
  readonly matchLength?: boolean;
  readonly system?: string;
  readonly values: number;
  readonly keys: number;
  readonly draws: number;
  readonly offsetToken: string;
  readonly output?: string;
  readonly overwrite?: boolean;
  readonly json?: boolean;
}

const DEFAULT_DATA = 'gsm8k-slice:train';

const examples = `
Reading it:
  artefact    Positive prompts are longer than negative ones, so post-RoPE keys, as published,
              differ by position alone. This says how much of their difference that is.
  gap         Log-probability a token of worked solutions, less that of bare answers, both forced
              upon the model on held-out questions. Steering towards reasoning widens it.
  random      Random keys of the same norm, several draws. Keys with content must beat them.

With -o the folder gets keys.json (all figures, the configuration with them) and keys.svg.
On two cores: seconds for tiny, minutes for ${DEFAULT_MODEL}.

Examples:
  kvsteer study keys --model tiny --values 6
  kvsteer study keys --data gsm8k:train --pairs-count 100 --questions 64 --precision fp32 -o keys
`;

export function addStudyCommand(program: Command, terminal: Terminal): void {
  const study = program
    .command('study')
    .summary('experiments about the method, on any model')
    .description('Experiments about the method, each from one command, with its controls.')
    .helpCommand(false);
  const command = study
    .command('keys')
    .summary('what the key part of a vector is worth')
    .description(
      'Measures how much of a published (post-RoPE) key vector only says that positive prompts are longer, and what keys of every kind add to the effect of the values: post-RoPE, un-rotated, the position artefact alone, and random ones of the same norm.',
    )
    .optionsGroup('Data:')
    .option(
      '-d, --data <source>',
      `worked questions, as of \`kvsteer extract\`: a known set, a file, a folder or a hub id (default: ${DEFAULT_DATA}; for tiny, its own problems)`,
    );
  addDataOptions(command)
    .option('--style <name>', 'style of the answers in positive example turns (default: steps)')
    .option('--against <name>', 'style of the answers in negative ones (default: direct)')
    .option(
      '--pairs-count <n>',
      'contrastive pairs, of the first questions (default: 100, or three quarters of fewer)',
      number({ min: 2, max: 100_000, integer: true }),
    )
    .option(
      '-q, --questions <n>',
      'held-out questions, of the next ones (default: 24, or what is left)',
      number({ min: 1, max: 100_000, integer: true }),
    )
    .option('--turns <n>', 'example turns in each prompt', number({ min: 1, max: 1000, integer: true }), 2)
    .addOption(
      new Option('--selection <how>', 'examples are the next questions, or drawn')
        .choices(['given', 'random'])
        .default('given'),
    )
    .option('--match-length', 'pad the shorter prompt with further examples, so that positions hardly differ')
    .option('-s, --system <text>', "system message (default: the chat template's own)")
    .optionsGroup('Edit:')
    .option('-c, --values <c>', 'coefficient of the values', number(), 4)
    .option('-k, --keys <c>', 'coefficient of the keys, of every kind', number(), 1)
    .option('--draws <n>', 'draws of random keys', number({ min: 1, max: 64, integer: true }), 8)
    .option('--seed <n>', 'of the draws, and of --selection random', number({ integer: true }), 0)
    .addOption(
      new Option('--offset-token <text>', 'one token appended to each question (default: "\\n")')
        .argParser(escapedText)
        .default(DEFAULT_OFFSET, '"\\n"'),
    );
  addModelOptions(command)
    .optionsGroup('Output:')
    .option('-o, --output <folder>', 'write keys.json and the figure keys.svg there')
    .option('--overwrite', 'replace them if they exist')
    .option('--json', 'print what keys.json holds instead of the summary')
    .addHelpText('after', examples)
    .action((flags: KeysFlags) => keys(flags, terminal));
}

async function keys(flags: KeysFlags, terminal: Terminal): Promise<void> {
  const { stdout, stderr, signal } = terminal;
  await refuseExisting(flags);
  using progress = new ProgressBar(stderr);
  const { items, name, styles } = await readItems(flags, terminal, progress);
  const { studyKeys } = await import('../study/study-keys.ts');
  await using engine = await openEngine(flags, terminal, progress);
  const { pairsCount, questions, turns, selection, seed, matchLength = false, system, draws } = flags;
  const study = await studyKeys(engine, items, {
    ...(pairsCount !== undefined && { pairs: pairsCount }),
    ...(questions !== undefined && { questions }),
    ...(system !== undefined && { system }),
    styles,
    turns,
    selection,
    seed,
    matchLength,
    values: flags.values,
    keys: flags.keys,
    draws,
    offset: flags.offsetToken,
    source: name,
    signal,
    onProgress: ({ phase, done, total }) =>
      progress.update({
        phase: phase === 'pairs' ? 'reading pairs' : 'forcing answers',
        done,
        total,
        unit: 'count',
      }),
  });
  progress.stop();
  const written = flags.output === undefined ? [] : await writeFiles(study, flags.output);
  if (flags.json) {
    printJson(stdout, study);
    return;
  }
  await printStudy(study, terminal);
  for (const path of written) printLine(stdout, `${colorsOf(stdout).green('✔')} ${path}`);
}

const fileNames = ['keys.json', 'keys.svg'] as const;

/** Minutes of work must not end at a file that is there already. */
async function refuseExisting({ output, overwrite }: KeysFlags): Promise<void> {
  if (output === undefined || overwrite) return;
  for (const name of fileNames) {
    const path = join(output, name);
    const there = await stat(path).catch(() => null);
    if (there !== null) {
      throw new InvalidArgumentError(
        'output',
        `${path} exists already. Replace it with --overwrite, or give another -o.`,
      );
    }
  }
}

async function readItems(
  flags: KeysFlags,
  terminal: Terminal,
  progress: ProgressBar,
): Promise<PairItems & { readonly styles: PairStyles }> {
  if (flags.data === undefined && flags.model === 'tiny') {
    const styles = { positive: flags.style ?? 'stepwise', negative: flags.against ?? 'direct' };
    const file = shippedFile('tiny', 'problems', 'validation.jsonl');
    const { items } = await readPairItems(file, styles, {}, terminal, progress);
    return { items, name: 'validation problems of tiny', styles };
  }
  const styles = stylesOf(flags);
  return { ...(await readPairItems(flags.data ?? DEFAULT_DATA, styles, flags, terminal, progress)), styles };
}

async function writeFiles(study: KeyStudy, folder: string): Promise<string[]> {
  const { keyFigure } = await import('../study/key-figure.ts');
  const [json, svg] = fileNames;
  const contents = { [json]: `${JSON.stringify(study, null, 2)}\n`, [svg]: await keyFigure(study) };
  await mkdir(folder, { recursive: true });
  for (const name of fileNames) {
    const path = join(folder, name);
    await writeFile(`${path}.tmp`, contents[name]!);
    await rename(`${path}.tmp`, path);
  }
  return fileNames.map((name) => join(folder, name));
}

async function printStudy(study: KeyStudy, { stdout }: Terminal): Promise<void> {
  const { conditionLabels } = await import('../study/key-effects.ts');
  const colors = colorsOf(stdout);
  const width = widthOf(stdout);
  const { heads } = study.differences;
  printLine(stdout, `${colors.bold('What the keys are worth')}  ${colors.dim(study.model.name)}\n`);
  printLine(stdout, renderFields(fieldsOf(study), colors));
  const map = (title: string, values: readonly (readonly number[])[]) =>
    printLine(stdout, `\n${renderHeatMap({ title, values }, width, colors)}`);
  map('post-RoPE key difference, norms', heads.postRopeNorms);
  map('share of it that is position alone', heads.artefactShares);
  printLine(stdout, `\n${effectsTable(study, conditionLabels, colors)}`);
  printLine(stdout, `\n${colors.dim(wrapText(verdict(study), width).join('\n'))}`);
}

function fieldsOf({ differences, configuration }: KeyStudy): (readonly [string, string | null])[] {
  const { pairs, positions, artefact, valueNorm, splitHalf } = differences;
  const { values, keys, questions, draws } = configuration;
  const norms = `keys ${artefact.postRopeNorm.toPrecision(3)} post-RoPE, ${artefact.unrotatedNorm.toPrecision(3)} un-rotated; values ${valueNorm.toPrecision(3)}`;
  const halves = (of: 'postRopeKeys' | 'unrotatedKeys' | 'values') => splitHalf?.[of].overall.toFixed(3);
  return [
    [
      'pairs',
      `${pairs.count}, mean positions ${Math.round(positions.positive)} positive, ${Math.round(positions.negative)} negative`,
    ],
    [
      'artefact',
      `cosine ${artefact.cosine.overall.toFixed(3)}; without it ${formatPercent(artefact.shareLeft.overall)} of the squared norm is left`,
    ],
    ['mean norm', `${norms} (a head, layers from 1)`],
    [
      'split half',
      splitHalf &&
        `keys ${halves('postRopeKeys')} post-RoPE, ${halves('unrotatedKeys')} un-rotated; values ${halves('values')} (cosine)`,
    ],
    ['edit', `values × ${values}, keys × ${keys}; ${questions} held-out questions, ${draws} random draws`],
  ];
}

function effectsTable({ effects }: KeyStudy, labels: typeof conditionLabels, colors: Colors): string {
  const range = ([low, high]: readonly [number, number]) => `${low.toFixed(2)} to ${high.toFixed(2)}`;
  const rows = effects.map(({ condition, trace, short, gap, beyondValues, draws }) => [
    labels[condition],
    trace.mean.toFixed(3),
    short.mean.toFixed(3),
    gap.mean.toFixed(3),
    condition === 'values'
      ? ''
      : `${beyondValues.mean.toFixed(3)}  ${colors.dim(range(beyondValues.interval))}`,
    draws === null ? '' : range([Math.min(...draws), Math.max(...draws)]),
  ]);
  const columns = [
    { title: 'added' },
    { title: 'trace', align: 'right' },
    { title: 'short', align: 'right' },
    { title: 'gap', align: 'right' },
    { title: 'gap beyond values, 95 %', align: 'right' },
    { title: 'gaps of single draws' },
  ] as const;
  return renderTable(columns, rows, colors);
}

/** What may be concluded, and no more. */
function verdict({ effects, differences }: KeyStudy): string {
  const found = (name: string) => effects.find(({ condition }) => condition === name)!;
  const [postRope, artefact, random] = [found('post-rope'), found('artefact'), found('random')];
  const share = formatPercent(1 - differences.artefact.shareLeft.overall);
  const beaten = random.draws!.filter((gap) => gap >= postRope.gap.mean).length;
  return (
    `Position alone is ${share} of the squared norm of the post-RoPE keys. They move the gap by ${signed(postRope.beyondValues.mean)} beyond the values; ` +
    `the artefact alone does so by ${signed(artefact.beyondValues.mean)}, un-rotated keys by ${signed(found('unrotated').beyondValues.mean)}; ` +
    `${beaten} of ${random.draws!.length} random draws of the same norm reach at least what the post-RoPE keys do.`
  );
}

function signed(value: number): string {
  const size = Math.abs(value).toFixed(2);
  return size === '0.00' ? size : `${value < 0 ? '−' : '+'}${size}`;
}
