import type { Command } from 'commander';
import { InvalidArgumentError } from '../errors.ts';
import type { Condition } from '../evaluate/condition.ts';
import type { Tuned } from '../evaluate/tune.ts';
import type { SteeringVector } from '../vectors/vector.ts';
import { commonOptions, reporter, withPrecision } from './eval.ts';
import { readMaterials } from './evaluate/materials.ts';
import { BUNDLED_MODEL, readTask, readValidation, type Task, type Watched } from './evaluate/task.ts';
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
import { number, numberList } from './options/parse.ts';
import { ProgressBar } from './progress-bar.ts';
import { formatPercent } from './render/quantities.ts';
import { renderTable } from './render/table.ts';
import { wrapText } from './render/wrap.ts';
import { showDownload } from './show-download.ts';
import { type Colors, colorsOf, printJson, printLine, type Terminal, widthOf } from './terminal.ts';

interface TuneFlags extends ModelFlags, TaskFlags, MaterialFlags {
  readonly values: readonly number[];
  readonly keys: readonly number[];
  readonly layers?: readonly IndexRange[];
  readonly maxMeanTokens?: number;
  readonly maxKl?: number;
}

const MOST_QUESTIONS = 400;
const VALIDATION = 200;

const examples = `
The objective: the best accuracy on the validation questions that the budget allows; of the
settings within two points of it, the first listed, so list small coefficients first. The chosen one
is then reported on the task's questions, none of which is among the validation questions by text.
Without --validation the task itself is divided.

Examples:
  kvsteer tune                                              the bundled model
  kvsteer tune --model smollm2-135m-instruct --task gsm8k:test --data steps --values 1,2,4,6 \\
    --max-mean-tokens 220 --out runs/tune
  kvsteer tune --model smollm2-135m-instruct --task arc-challenge:test \\
    --validation arc-challenge:validation --vector steps.safetensors --max-kl 0.05
`;

export function addTuneCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command('tune')
    .summary('choose coefficients on validation questions, report on others')
    .description(
      'Tries coefficients on validation questions, chooses by a stated objective, and reports the chosen one on questions that had no part in it.',
    );
  addTaskOptions(command, MOST_QUESTIONS, VALIDATION);
  addMaterialOptions(command)
    .option('-c, --values <list>', 'c_v to try, small ones first', numberList, [0.3, 0.5, 0.7, 1, 2, 4])
    .option('-k, --keys <list>', 'c_k to try with each', numberList, [0])
    .option('--layers <list>', "layers to edit (default: the vector's recommendation, else 1-)", parseRanges)
    .optionsGroup('Budget:')
    .option('--max-mean-tokens <n>', 'mean tokens of an answer (default: no limit)', number({ above: 0 }))
    .option(
      '--max-kl <x>',
      'mean KL a token from the plain model on unrelated text, nats (default: no limit)',
      number({ min: 0 }),
    );
  addRunFolderOptions(command);
  addModelOptions(command, BUNDLED_MODEL)
    .addHelpText('after', examples)
    .action((flags: TuneFlags, self: Command) => runTune(withPrecision(flags, self), terminal));
}

async function runTune(flags: TuneFlags, terminal: Terminal): Promise<void> {
  const { stdout, stderr, signal } = terminal;
  const isBundled = flags.model === BUNDLED_MODEL;
  using progress = new ProgressBar(stderr);
  const { task, validation } = await dividedTask(flags, isBundled, {
    signal,
    onProgress: showDownload(progress),
  });
  await using engine = await openEngine(flags, terminal, progress);
  const { vector } = await readMaterials(flags, { engine, isBundled }, terminal, progress);
  if (vector === null) {
    throw new InvalidArgumentError(
      'vector',
      'There is nothing to tune: give --vector FILE, or questions to make one from: --data SOURCE.',
    );
  }
  const layers =
    flags.layers && indicesOf(flags.layers, engine.model.layers, { flag: '--layers', noun: 'layer' });
  const { tune } = await import('../evaluate/tune.ts');
  const { maxMeanTokens: tokens, maxKl: kl, out } = flags;
  const tuned = await tune(
    engine,
    { validation: validation.questions, test: task.questions },
    settingsOf(flags, vector, layers),
    {
      ...commonOptions(flags, signal, reporter(progress)),
      task,
      budget: { ...(tokens !== undefined && { tokens }), ...(kl !== undefined && { kl }) },
      ...(out !== undefined && { out }),
    },
  );
  progress.stop();
  if (flags.json) {
    const { config, summary } = tuned.test;
    printJson(stdout, { out: out ?? null, tuned: tuned.record, config, ...summary });
    return;
  }
  printTuned(tuned, task, widthOf(stdout), colorsOf(stdout), stdout);
}

/** Validation questions from their own source, else a part of the task that no other text of it is in. */
async function dividedTask(
  flags: TuneFlags,
  isBundled: boolean,
  watched: Watched,
): Promise<{ task: Task; validation: Task }> {
  const most = flags.n ?? MOST_QUESTIONS;
  const isApart = flags.validation !== undefined || (isBundled && flags.task === undefined);
  const asked = isApart ? flags : { ...flags, n: most + flags.validationN };
  const task = await readTask(asked, isBundled, most, watched);
  const validation = await readValidation(flags, task, isBundled, watched);
  if (validation !== null) return { task, validation };
  const { splitQuestions } = await import('../data/split-questions.ts');
  // Of a short task no more than half.
  const size = Math.min(flags.validationN, Math.floor(task.questions.length / 2));
  const split = splitQuestions(task.questions, { validation: size, seed: flags.seed });
  return {
    task: { ...task, questions: split.train.slice(0, most) },
    validation: { ...task, questions: split.validation },
  };
}

function settingsOf(
  { values, keys, offsetToken }: TuneFlags,
  vector: SteeringVector,
  layers: readonly number[] | undefined,
): Record<string, Condition> {
  const offset = offsetToken ?? DEFAULT_OFFSET;
  return Object.fromEntries(
    values.flatMap((c) =>
      keys.map((k) => [
        keys.length > 1 || k !== 0 ? `c_v ${c}, c_k ${k}` : `c_v ${c}`,
        { offset, plan: { vector, values: c, keys: k, ...(layers && { layers }) } },
      ]),
    ),
  );
}

function printTuned(
  { record, test }: Tuned,
  task: Task,
  width: number,
  colors: Colors,
  stdout: NodeJS.WriteStream,
): void {
  const right = { align: 'right' } as const;
  const hasKl = record.tried.some(({ kl }) => kl !== null);
  const table = renderTable(
    [
      { title: 'setting' },
      { title: 'right', ...right },
      { title: 'tokens', ...right },
      ...(hasKl ? [{ title: 'KL', ...right }] : []),
      { title: '' },
    ],
    record.tried.map(({ name, accuracy, tokens, kl, affordable, usable }) => [
      name === record.chosen ? colors.bold(name) : name,
      formatPercent(accuracy),
      tokens.toFixed(1),
      ...(hasKl ? [kl === null ? '' : kl.toFixed(4)] : []),
      name === record.chosen
        ? colors.green('chosen')
        : usable
          ? 'as good'
          : affordable
            ? ''
            : colors.dim('over budget'),
    ]),
    colors,
  );
  printLine(stdout, colors.bold(`Chosen on ${record.questions} validation questions`));
  printLine(stdout, wrapText(`Objective: ${record.objective}.`, width).map(colors.dim).join('\n'));
  printLine(stdout, `\n${table}\n`);
  printLine(stdout, colors.bold('Reported on others'));
  printLine(stdout, renderRun(test.config, test.summary, task.questions, width, colors));
}
