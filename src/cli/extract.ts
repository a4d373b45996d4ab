import { type Command, Option } from 'commander';
import { InvalidArgumentError } from '../errors.ts';
import type { KeyMode, SteeringVector } from '../vectors/vector.ts';
import { checkAggregation, checkProbes, extractAggregated } from './aggregated.ts';
import { requireFreeOutput } from './free-output.ts';
import { measuresOf, partsOf } from './inspect.ts';
import { openEngine } from './open-engine.ts';
import { type AggregationFlags, addAggregationOptions } from './options/aggregation-options.ts';
import { DEFAULT_MODEL, DEFAULT_PRECISION } from './options/defaults.ts';
import { addModelOptions, type ModelFlags } from './options/model-options.ts';
import { addPairOptions, type PairFlags, pairHelp } from './options/pair-options.ts';
import { addVectorOutputOptions, type VectorOutputFlags } from './options/vector-output-options.ts';
import { preparePairs } from './prepare-pairs.ts';
import { ProgressBar } from './progress-bar.ts';
import { counted, formatMilliseconds, shellWord } from './render/quantities.ts';
import { renderFields } from './render/table.ts';
import { colorsOf, printJson, printLine, type Terminal, widthOf } from './terminal.ts';

interface ExtractFlags extends ModelFlags, PairFlags, AggregationFlags, VectorOutputFlags {
  readonly keyMode: KeyMode;
}

const examples = `${pairHelp}
With SOURCE_DATE_EPOCH (seconds) as the date, the same pairs give the same bytes.
An existing output file is kept, and the command refuses to begin, unless --overwrite is given.

Examples:
  kvsteer extract --data steps -o steps.safetensors
  kvsteer extract --data gsm8k:train --turns 5 --selection nearest -o gsm8k.safetensors
  kvsteer extract --data mine.jsonl --style causal --against direct -o causal.safetensors
  kvsteer extract --pairs pairs.jsonl --key-mode post-rope -o published.safetensors
`;

export function addExtractCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command('extract')
    .summary('make a steering vector from contrastive pairs')
    .description(
      'Makes a steering vector: reads both prompts of each contrastive pair, takes the keys and values of one token in all layers, and averages the differences (positive - negative) into one file.',
    );
  addPairOptions(command).addOption(
    new Option(
      '--key-mode <mode>',
      'unrotated: keys without RoPE, content only; post-rope: as published, mostly an artefact of position',
    )
      .choices(['unrotated', 'post-rope'])
      .default('unrotated'),
  );
  addAggregationOptions(command);
  addVectorOutputOptions(addModelOptions(command).optionsGroup('Output:'), {
    name: 'what the vector is, kept in the file (default: the file it came from)',
  })
    .addHelpText('after', examples)
    .action((flags: ExtractFlags) => extract(flags, terminal));
}

async function extract(flags: ExtractFlags, terminal: Terminal): Promise<void> {
  checkAggregation(flags);
  const created = dateOfSource();
  await requireFreeOutput(flags);
  const { stdout, stderr, signal } = terminal;
  using progress = new ProgressBar(stderr);
  const { inspectVector } = await import('../vectors/inspect-vector.ts');
  const { saveVector } = await import('../vectors/vector-file.ts');
  const prepared = await preparePairs(flags, terminal, progress);
  checkProbes(flags, prepared);
  await using engine = await openEngine(flags, terminal, progress);
  const started = performance.now();
  let tokens = 0;
  const phase = 'extracting pairs';
  progress.update({ phase, done: 0, total: prepared.most, unit: 'count' });
  const { vector, pairsFromCache } = await extractAggregated(engine, prepared, flags, {
    keyMode: flags.keyMode,
    recommended: { values: flags.recommendValues ?? null, keys: flags.recommendKeys ?? null, layers: null },
    ...(created !== null && { created }),
    ...(flags.licence !== undefined && { licence: flags.licence }),
    ...(flags.creator !== undefined && { creator: flags.creator }),
    ...(flags.name !== undefined && { name: flags.name }),
    signal,
    onTrial: ({ done, total }) => progress.update({ phase: 'trying heads', done, total, unit: 'count' }),
    onProgress: (event) => {
      tokens = event.tokens;
      progress.update({ phase, done: event.done, total: event.total ?? prepared.most, unit: 'count' });
    },
  });
  const count = vector.pairs?.count ?? 0;
  const milliseconds = performance.now() - started;
  signal.throwIfAborted();
  await saveVector(vector, flags.output);
  progress.stop();

  const inspection = inspectVector(vector);
  if (flags.json) {
    const { meanKeyNorm, meanValueNorm, statistics } = inspection;
    printJson(stdout, {
      path: flags.output,
      pairs: count,
      pairsFromCache,
      pairsLeftOut: prepared.leftOut.length,
      tokens,
      milliseconds,
      meanKeyNorm,
      meanValueNorm,
      statistics,
    });
    return;
  }
  const colors = colorsOf(stdout);
  const reading = `${counted(count, 'pair')}, ${counted(tokens, 'token')} in ${formatMilliseconds(milliseconds)}`;
  const kept = `${counted(pairsFromCache, 'pair')} from the cache (--no-cache reads them again)`;
  const whole = pairsFromCache === count;
  const read = ['read', whole ? kept : pairsFromCache === 0 ? reading : `${reading}, ${kept}`] as const;
  printLine(stdout, `${colors.green('✔')} ${colors.bold(flags.output)}\n`);
  printLine(
    stdout,
    renderFields([read, ...partsOf(vector, widthOf(stdout)), ...measuresOf(vector, inspection)], colors),
  );
  printLine(stdout, `\n${colors.dim('Try it:')}\n  ${nextCommand(flags, vector)}`);
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

function nextCommand({ model, precision, output }: ExtractFlags, { keyMode }: SteeringVector): string {
  const words = ['kvsteer', 'compare', '--vector', shellWord(output), '--values', '1,2,4'];
  if (keyMode === 'post-rope') words.push('--keys', '0');
  if (model !== DEFAULT_MODEL) words.push('--model', shellWord(model));
  if (precision !== DEFAULT_PRECISION) words.push('--precision', precision);
  return `${words.join(' ')} "A pen costs 3 dollars. How much are 7 pens?"`;
}
