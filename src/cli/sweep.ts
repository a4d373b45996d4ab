import type { Command } from 'commander';
import type { Engine } from '../engine/engine.ts';
import type { Condition } from '../evaluate/condition.ts';
import type { PairStyles } from '../pairs/item.ts';
import type { Sweep } from '../sweep/run-sweep.ts';
import type { SteeringVector } from '../vectors/vector.ts';
import { openEngine } from './open-engine.ts';
import { addDataFolderOption, type DataFlags, dataOptions } from './options/data-options.ts';
import {
  addGridOptions,
  addVectorGridOptions,
  type GridFlags,
  gridOf,
  requireGrid,
  type VectorGridFlags,
} from './options/grid-options.ts';
import { indicesOf } from './options/index-ranges.ts';
import { addModelOptions, type ModelFlags } from './options/model-options.ts';
import { DEFAULT_PAIRS, stylesOf } from './options/pair-options.ts';
import { number } from './options/parse.ts';
import { packageVersion } from './package-version.ts';
import { ProgressBar } from './progress-bar.ts';
import { type PairItems, readPairItems } from './read-pair-items.ts';
import { readVector } from './read-vector.ts';
import { shellWord } from './render/quantities.ts';
import { renderTable } from './render/table.ts';
import { wrapText } from './render/wrap.ts';
import { showDownload } from './show-download.ts';
import { colorsOf, printJson, printLine, type Terminal, widthOf } from './terminal.ts';

interface SweepFlags extends ModelFlags, GridFlags, VectorGridFlags, Pick<DataFlags, 'dataFolder'> {
  readonly task: string;
  readonly limit?: number;
  readonly maxTokens: number;
  readonly seed: number;
  readonly out: string;
  readonly queue?: string;
  readonly answersPerJob?: number;
  readonly json?: boolean;
}

const examples = `
A prompt is prefilled once for all settings, and all settings are decoded as one batch. With
--queue the workers of a Redis answer instead (kvsteer worker); answers are the same. A sweep that
was stopped goes on with the same command.

Choose coefficients on one set of questions and report on another: a sweep's best is best by chance
as well.

Examples:
  kvsteer sweep --model tiny --task models/tiny/problems/validation.jsonl --limit 100 \\
    --data models/tiny/problems/pairs-items.jsonl --style stepwise --against direct \\
    --values 0.3,0.5,0.7,1,2,4 --activation-layers 2,3 --strengths 0.5,1,2,4 -o runs/tiny-sweep
  kvsteer sweep --task gsm8k-slice:train --data steps --values -4,-2,1,2,4,6 -o runs/steps
  kvsteer sweep --task gsm8k:test --limit 200 --vector steps.safetensors --values 1,2,4 \\
    --layers '1-;1-10;11-20;21-' --queue redis://127.0.0.1:6379 -o runs/layers
  kvsteer report runs/steps -o steps.html
`;

export function addSweepCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command('sweep')
    .summary('accuracy and degeneration over a grid of settings')
    .description(
      'Asks a set of questions under every setting of a grid: how vectors are made, layers, heads, position, coefficients; plain answers, random vectors of the same norm and, where asked for, activation steering beside them. Says in which range each coefficient is usable.',
    )
    .optionsGroup('Task:')
    .requiredOption(
      '-t, --task <source>',
      'questions: a known set (gsm8k:test), a file or folder, or a hub data set (required)',
    );
  addDataFolderOption(command)
    .option('--limit <n>', 'ask the first n', number({ min: 1, integer: true }))
    .option(
      '--max-tokens <n>',
      'most tokens of an answer',
      number({ min: 1, max: 1_000_000, integer: true }),
      256,
    )
    .option('--seed <n>', 'of the bootstrap', number({ integer: true }), 0);
  addVectorGridOptions(command);
  addGridOptions(command);
  addModelOptions(command)
    .optionsGroup('Run:')
    .requiredOption(
      '-o, --out <folder>',
      'folder of the run; one with the same settings is gone on with (required)',
    )
    .option('--queue <url>', 'let workers of this Redis answer, e.g. redis://127.0.0.1:6379')
    .option(
      '--answers-per-job <n>',
      'with --queue: about so many answers a job (default: 64); fewer where answers are slow, so that less is lost with a worker',
      number({ min: 1, max: 100_000, integer: true }),
    )
    .optionsGroup('Output:')
    .option('--json', 'print one JSON object instead: conditions, comparisons, curves')
    .addHelpText('after', examples)
    .action((flags: SweepFlags) => sweep(flags, terminal));
}

async function sweep(flags: SweepFlags, terminal: Terminal): Promise<void> {
  requireGrid(flags);
  const { stderr, signal } = terminal;
  using progress = new ProgressBar(stderr);
  const { loadQuestions } = await import('../data/load-questions.ts');
  const { questions, name, report } = await loadQuestions(flags.task, {
    ...dataOptions(flags),
    limit: flags.limit,
    signal,
    onProgress: showDownload(progress),
  });
  const styles = stylesOf(flags);
  const items =
    flags.data === undefined ? null : await readPairItems(flags.data, styles, flags, terminal, progress);
  await using engine = await openEngine(flags, terminal, progress);
  const conditions = await conditionsOf(flags, items && { ...items, styles }, engine, terminal, progress);
  progress.stop();

  const { runSweep } = await import('../sweep/run-sweep.ts');
  const done = await runSweep(engine, questions, conditions, {
    task: { name, malformed: report.malformed.count },
    maxTokens: flags.maxTokens,
    seed: flags.seed,
    out: flags.out,
    version: packageVersion(),
    signal,
    ...(flags.queue !== undefined && { queue: flags.queue }),
    ...(flags.answersPerJob !== undefined && { answersPerJob: flags.answersPerJob }),
    onProgress: ({ done, total, workers }) =>
      progress.update({
        phase: phaseOf(workers),
        done,
        total,
        unit: 'count',
      }),
  });
  progress.stop();
  await printSweep(done, flags, terminal);
}

async function conditionsOf(
  flags: SweepFlags,
  data: (PairItems & { readonly styles: PairStyles }) | null,
  engine: Engine,
  { signal }: Terminal,
  progress: ProgressBar,
): Promise<Record<string, Condition>> {
  const { gridConditions } = await import('../sweep/grid.ts');
  const grid = gridOf(flags, engine.model);
  if (data === null) {
    const files = flags.vector ?? [];
    const short = files.map((file) => (file.split(/[\\/]/).at(-1) ?? file).replace(/\.safetensors$/, ''));
    const names = new Set(short).size === files.length ? short : files;
    const vectors: Record<string, SteeringVector> = {};
    for (const [i, file] of files.entries()) vectors[names[i]!] = await readVector(file);
    return gridConditions({ ...grid, vectors }, engine.model);
  }
  const { sweepVectors } = await import('../sweep/sweep-vectors.ts');
  const { items, styles } = data;
  const { turns, aggregations, keyModes } = flags;
  const pairs = flags.pairsCount ?? [Math.min(items.length, DEFAULT_PAIRS)];
  const made = {
    pairs,
    ...(turns !== undefined && { turns }),
    ...(aggregations !== undefined && { aggregations }),
    ...(keyModes !== undefined && { keyModes }),
  };
  const vectors = await sweepVectors(engine, items, made, {
    styles,
    signal,
    onProgress: ({ done, total }) => progress.update({ phase: 'vectors', done, total, unit: 'count' }),
  });
  if (flags.activationLayers === undefined || flags.strengths === undefined) {
    return gridConditions({ ...grid, vectors }, engine.model);
  }
  const { extractActivation } = await import('../evaluate/activation.ts');
  const { buildPairs } = await import('../pairs/build-pairs.ts');
  const built = buildPairs(items, {
    tokenizer: engine.tokenizer,
    styles,
    count: pairs[0]!,
    ...(turns !== undefined && { turns: turns[0]! }),
  });
  const activation = {
    vector: await extractActivation(engine, built, { signal }),
    layers: indicesOf(flags.activationLayers, engine.model.layers, {
      flag: '--activation-layers',
      noun: 'layer',
    }),
    strengths: flags.strengths,
  };
  return gridConditions({ ...grid, vectors, activation }, engine.model);
}

async function printSweep(
  { config, summary }: Sweep,
  { out, json }: SweepFlags,
  { stdout }: Terminal,
): Promise<void> {
  const { stabilityCurves } = await import('../sweep/stability.ts');
  const curves = stabilityCurves(config, summary);
  if (json) {
    printJson(stdout, {
      out,
      task: config.task,
      ...summary,
      curves: curves.map(({ points, ...curve }) => ({
        ...curve,
        points: points.map(({ coefficient, condition }) => ({ coefficient, condition })),
      })),
    });
    return;
  }
  const { conditionRows } = await import('../report/conditions-table.ts');
  const { usableText } = await import('../report/usable-text.ts');
  const colors = colorsOf(stdout);
  const right = { align: 'right' } as const;
  const rows = conditionRows(config, summary);
  const table = renderTable(
    [
      { title: 'condition' },
      { title: 'right, %', ...right },
      { title: '95 %', ...right },
      { title: `against ${config.baseline}`, ...right },
      { title: 'p, Holm', ...right },
      { title: 'tokens', ...right },
      { title: 'degenerate, %', ...right },
    ],
    rows.map((row) => [
      row.isBaseline ? colors.bold(row.name) : row.name,
      row.accuracy,
      colors.dim(row.interval),
      row.difference?.text ?? '',
      row.holm,
      row.tokens,
      row.degenerate,
    ]),
    colors,
  );
  printLine(stdout, table);
  for (const curve of curves) {
    const text = `${curve.method} steering (${curve.label}). ${usableText(curve)}`;
    printLine(stdout, `\n${wrapText(text, widthOf(stdout)).join('\n')}`);
  }
  const note = `${config.task.questions} questions; intervals and p-values are in the report, with every answer:`;
  printLine(stdout, `\n${colors.dim(note)}\n  kvsteer report ${shellWord(out)} -o report.html`);
}

function phaseOf(workers: number | null): string {
  if (workers === null) return 'answers';
  if (workers === 0) return 'answers (no worker yet: start kvsteer worker)';
  return `answers of ${workers} worker${workers === 1 ? '' : 's'}`;
}
