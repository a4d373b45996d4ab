import type { Command } from 'commander';
import type { Engine } from '../engine/engine.ts';
import { InvalidArgumentError } from '../errors.ts';
import type { ActivationPlan } from '../evaluate/activation.ts';
import type { EvaluateProgress } from '../evaluate/evaluate.ts';
import type { RunConfig } from '../evaluate/run.ts';
import type { ConditionParts } from '../evaluate/standard-conditions.ts';
import { type Materials, readMaterials } from './evaluate/materials.ts';
import { BUNDLED_MODEL, readTask, readValidation, type Task } from './evaluate/task.ts';
import { tuneActivation } from './evaluate/tuned-activation.ts';
import { renderRun } from './evaluate/words.ts';
import { openEngine } from './open-engine.ts';
import { DEFAULT_OFFSET } from './options/defaults.ts';
import {
  addMaterialOptions,
  addRunFolderOptions,
  addTaskOptions,
  type MaterialFlags,
  type TaskFlags,
} from './options/evaluate-options.ts';
import { type IndexRange, indicesOf, parseRanges } from './options/index-ranges.ts';
import { addModelOptions, type ModelFlags } from './options/model-options.ts';
import { escapedText, number, numberList } from './options/parse.ts';
import { packageVersion } from './package-version.ts';
import { ProgressBar } from './progress-bar.ts';
import { shellWord } from './render/quantities.ts';
import { showDownload } from './show-download.ts';
import { colorsOf, printJson, printLine, type Terminal, widthOf } from './terminal.ts';

interface EvalFlags extends ModelFlags, TaskFlags, MaterialFlags {
  readonly conditions?: readonly string[];
  readonly baseline?: string;
  readonly values?: readonly number[];
  readonly keys?: number;
  readonly layers?: readonly IndexRange[];
  readonly activation?: { readonly layer: number; readonly strength: number };
  readonly cot?: string;
  readonly shots: number;
  readonly draws: number;
  readonly temperature: number;
  readonly solo: number;
  readonly sideEffects: boolean;
}

const MOST_QUESTIONS = 200;
/** Each is asked in 24 settings of activation steering, twice. */
const TUNING_QUESTIONS = 60;

const examples = `
Conditions, all asked in one pass over the same questions:
  plain            the question alone
  offset           the offset token only: the prompt that all below share
  cot              a CoT prompt                        (--cot)
  few-shot         worked examples first               (needs --data; --shots)
  sampled          drawn, several answers each         (--draws, --temperature)
  activation       activation steering, every token    (needs --data and --validation)
  activation-last  the same, at the last prompt token  (needs --data and --validation)
  steered          cache steering                      (--values, --keys, --layers)
  steered+cot      both
  random           a random vector of the same norm
  shuffled         labels of the pairs shuffled        (needs --data)
  negative         the coefficient negated

Examples:
  kvsteer eval                                        the bundled model's card, in minutes
  kvsteer eval --model smollm2-135m-instruct --task gsm8k:test --n 400 \\
    --data steps --values 1,2,4 --out runs/gsm8k     all that the data are enough for
  kvsteer eval --model smollm2-135m-instruct --task arc-challenge:test --data-folder data \\
    --vector steps.safetensors --conditions plain,cot,steered,random --out runs/arc
  kvsteer report runs/gsm8k -o gsm8k.html
`;

export function addEvalCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command('eval')
    .summary('does steering help on your task? All controls, with intervals')
    .description(
      'Asks a set of questions plain, prompted, steered and under every control, in one pass, and compares: accuracy with intervals, paired tests, tokens, loops, time, side effects.',
    );
  addTaskOptions(command, MOST_QUESTIONS, TUNING_QUESTIONS);
  addMaterialOptions(command)
    .option(
      '-c, --values <list>',
      "c_v, or several, e.g. 1,2,4; the controls go with the first (default: the vector's recommendation, else 1)",
      numberList,
    )
    .option('-k, --keys <c>', "c_k (default: the vector's recommendation, else 0)", number())
    .option('--layers <list>', "layers to edit (default: the vector's recommendation, else 1-)", parseRanges)
    .option('--activation <layer:strength>', 'activation steering as it is, not tuned', layerAndStrength)
    .optionsGroup('Conditions:')
    .option('--conditions <list>', 'which, of those below (default: all that can be made)', (text: string) =>
      text.split(',').map((name) => name.trim()),
    )
    .option('--baseline <name>', 'the one that the others are compared with (default: the first)')
    .option(
      '--cot <text>',
      'appended by the CoT prompt (default: " Let\'s think step by step.")',
      escapedText,
    )
    .option('--shots <n>', 'worked examples of few-shot', number({ min: 1, max: 32, integer: true }), 3)
    .option('--draws <n>', 'answers a question of sampled', number({ min: 1, max: 100, integer: true }), 3)
    .option('--temperature <t>', 'of sampled', number({ above: 0, max: 10 }), 0.7)
    .optionsGroup('Measures:')
    .option(
      '--solo <n>',
      'questions asked alone, to time each condition; 0: none',
      number({ min: 0, max: 1000, integer: true }),
      5,
    )
    .option('--no-side-effects', 'leave out perplexity and KL on unrelated text');
  addRunFolderOptions(command);
  addModelOptions(command, BUNDLED_MODEL)
    .addHelpText('after', examples)
    .action((flags: EvalFlags, self: Command) => runEval(withPrecision(flags, self), terminal));
}

/** The bundled model's figures are float32's. */
export function withPrecision<Flags extends ModelFlags>(flags: Flags, command: Command): Flags {
  const isDefault = command.getOptionValueSource('precision') === 'default';
  return flags.model === BUNDLED_MODEL && isDefault ? { ...flags, precision: 'fp32' } : flags;
}

async function runEval(flags: EvalFlags, terminal: Terminal): Promise<void> {
  const { stdout, stderr, signal } = terminal;
  const isBundled = flags.model === BUNDLED_MODEL;
  using progress = new ProgressBar(stderr);
  const task = await readTask(flags, isBundled, MOST_QUESTIONS, {
    signal,
    onProgress: showDownload(progress),
  });
  await using engine = await openEngine(flags, terminal, progress);
  const materials = await readMaterials(flags, { engine, isBundled }, terminal, progress);
  const { parts, tuned } = await partsOf(flags, task, materials, engine, terminal, progress);
  const { possibleConditions, standardConditions } = await import('../evaluate/standard-conditions.ts');
  const conditions = standardConditions(flags.conditions ?? possibleConditions(parts), parts);
  const { evaluate } = await import('../evaluate/evaluate.ts');
  const { config, summary } = await evaluate(engine, task.questions, conditions, {
    task,
    ...commonOptions(flags, signal, reporter(progress)),
    ...(flags.baseline !== undefined && { baseline: flags.baseline }),
    ...(flags.out !== undefined && { out: flags.out }),
    solo: flags.solo,
    sideEffects: flags.sideEffects,
    tuned,
  });
  progress.stop();
  if (flags.out !== undefined) {
    const { keepSources } = await import('../sweep/run-sources.ts');
    await keepSources(flags.out, task.questions, conditions);
  }
  if (flags.json) {
    printJson(stdout, { out: flags.out ?? null, config, ...summary });
    return;
  }
  const colors = colorsOf(stdout);
  printLine(stdout, renderRun(config, summary, task.questions, widthOf(stdout), colors));
  if (flags.out !== undefined) {
    printLine(
      stdout,
      `\n${colors.dim('Every answer, and a page with figures:')}\n  kvsteer report ${shellWord(flags.out)} -o report.html`,
    );
  }
}

/** What every evaluation of a command shares. */
export function commonOptions(
  { scorer, maxTokens, seed, concurrency }: TaskFlags,
  signal: AbortSignal,
  onProgress: (progress: EvaluateProgress) => void,
) {
  return {
    maxTokens,
    seed,
    version: packageVersion(),
    signal,
    onProgress,
    ...(scorer !== undefined && { scorer }),
    ...(concurrency !== undefined && { concurrency }),
  };
}

/** @param before names what the answers are for. */
export function reporter(progress: ProgressBar, before = ''): (event: EvaluateProgress) => void {
  return ({ phase, done, total }) =>
    progress.update({ phase: `${before}${phase}`, done, total, unit: 'count' });
}

async function partsOf(
  flags: EvalFlags,
  task: Task,
  { vector, pairs, examples }: Materials,
  engine: Engine,
  { signal }: Terminal,
  progress: ProgressBar,
): Promise<{ parts: ConditionParts; tuned: unknown }> {
  const { values, keys, layers, cot, shots, draws, temperature, seed, offsetToken } = flags;
  const offset = offsetToken ?? DEFAULT_OFFSET;
  const selected = layers && indicesOf(layers, engine.model.layers, { flag: '--layers', noun: 'layer' });
  const plans =
    vector === null
      ? []
      : (values ?? [undefined]).map((one) => ({
          vector,
          ...(one !== undefined && { values: one }),
          ...(keys !== undefined && { keys }),
          ...(selected && { layers: selected }),
        }));
  const wanted = (name: string) => flags.conditions === undefined || flags.conditions.includes(name);
  const shuffled = pairs !== null && vector !== null && wanted('shuffled');
  const activation =
    pairs === null || !engine.capabilities.residualTaps
      ? null
      : await activationOf(flags, task, pairs, wanted, engine, signal, progress);
  return {
    tuned: activation?.record ? { activation: activation.record } : null,
    parts: {
      offset,
      plans,
      examples: examples.slice(0, shots),
      sampling: { temperature, draws },
      // 0 is the seed that vectors are often shuffled by elsewhere; any other is as good.
      seed: seed + 1,
      ...(cot !== undefined && { cot }),
      ...(activation?.plans.every && { activation: activation.plans.every }),
      ...(activation?.plans.last && { activationLast: activation.plans.last }),
      ...(shuffled && { shuffled: await shuffledVector(pairs, vector, seed, engine, signal) }),
    },
  };
}

async function shuffledVector(
  pairs: NonNullable<Materials['pairs']>,
  vector: NonNullable<Materials['vector']>,
  seed: number,
  engine: Engine,
  signal: AbortSignal,
) {
  const [{ shuffleLabels, withNormsOf }, { extractVector }] = await Promise.all([
    import('../evaluate/controls.ts'),
    import('../vectors/extract-vector.ts'),
  ]);
  const recipe = `labels of the pairs shuffled, seed ${seed}; norms of: ${vector.recipe ?? 'the vector'}`;
  const { keyMode } = vector;
  return withNormsOf(
    await extractVector(engine, shuffleLabels(pairs, seed), { keyMode, recipe, signal }),
    vector,
  );
}

/** Null where activation steering is not asked for, or there is nothing to tune it on and no condition that names it. */
async function activationOf(
  flags: EvalFlags,
  task: Task,
  pairs: NonNullable<Materials['pairs']>,
  wanted: (name: string) => boolean,
  engine: Engine,
  signal: AbortSignal,
  progress: ProgressBar,
) {
  const kinds = (['every', 'last'] as const).filter((kind) =>
    wanted(kind === 'every' ? 'activation' : 'activation-last'),
  );
  if (kinds.length === 0) return null;
  const isBundled = flags.model === BUNDLED_MODEL;
  const watched = { signal, onProgress: showDownload(progress) };
  const validation = flags.activation ? null : await readValidation(flags, task, isBundled, watched);
  if (!flags.activation && validation === null) {
    if (flags.conditions === undefined) return null;
    throw new InvalidArgumentError(
      'validation',
      'Activation steering is tuned on questions of its own: give --validation SOURCE, or --activation LAYER:STRENGTH to take a setting as it is.',
    );
  }
  const { extractActivation } = await import('../evaluate/activation.ts');
  progress.update({ phase: 'activation vector', done: 0, total: pairs.length, unit: 'count' });
  const vector = await extractActivation(engine, pairs, { signal });
  if (validation === null) {
    const plans: Partial<Record<ActivationPlan['tokens'], ActivationPlan>> = {};
    for (const tokens of kinds) plans[tokens] = { vector, ...flags.activation!, tokens };
    return { plans, record: null };
  }
  return tuneActivation(
    engine,
    vector,
    kinds,
    validation,
    {
      ...commonOptions(flags, signal, reporter(progress, 'tuning activation steering: ')),
      offset: flags.offsetToken ?? DEFAULT_OFFSET,
      ...(flags.out !== undefined && { out: `${flags.out}/tuning` }),
    },
    await begunConfig(flags.out),
  );
}

/** The configuration of the run that a folder holds already, or null. */
async function begunConfig(folder: string | undefined): Promise<RunConfig | null> {
  if (folder === undefined) return null;
  const { access } = await import('node:fs/promises');
  const { join } = await import('node:path');
  const { readRun } = await import('../evaluate/run-folder.ts');
  const isThere = await access(join(folder, 'config.json')).then(
    () => true,
    () => false,
  );
  return isThere ? (await readRun(folder)).config : null;
}

function layerAndStrength(text: string): { layer: number; strength: number } {
  const [layer, strength, ...rest] = text.split(':');
  if (rest.length > 0 || strength === undefined) {
    throw new InvalidArgumentError('activation', '--activation: expected LAYER:STRENGTH, e.g. 12:1.');
  }
  return { layer: number({ min: 0, integer: true })(layer!), strength: number()(strength) };
}
