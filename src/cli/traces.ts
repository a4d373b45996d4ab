import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { InvalidArgumentError as BadValue, type Command, Option } from 'commander';
import type { Question } from '../data/question.ts';
import { InvalidArgumentError, TeacherError } from '../errors.ts';
import type { DroppedQuestion, TraceSummary } from '../traces/make-traces.ts';
import { type StyleName, styleNames } from '../traces/styles.ts';
import type { Teacher, TokenUsage } from '../traces/teacher.ts';
import { requireFreeOutput } from './free-output.ts';
import { openEngine } from './open-engine.ts';
import { addDataOptions, type DataFlags, dataOptions } from './options/data-options.ts';
import { DEFAULT_PRECISION } from './options/defaults.ts';
import { number } from './options/parse.ts';
import { ProgressBar } from './progress-bar.ts';
import { counted, shellWord } from './render/quantities.ts';
import { renderFields } from './render/table.ts';
import { showDownload } from './show-download.ts';
import { colorsOf, printJson, printLine, type Terminal } from './terminal.ts';

interface TracesFlags extends DataFlags {
  readonly data: string;
  readonly style: readonly string[];
  readonly teacher?: string;
  readonly baseUrl?: string;
  readonly teacherEngine?: string;
  readonly from?: string;
  readonly limit?: number;
  readonly attempts: number;
  readonly maxTokens: number;
  readonly maxTokensTotal?: number;
  readonly concurrency: number;
  readonly timeout: number;
  readonly priceIn?: number;
  readonly priceOut?: number;
  readonly output: string;
  readonly overwrite?: boolean;
  readonly json?: boolean;
}

/** Dollars for a million tokens. */
interface Prices {
  readonly prompt: number;
  readonly completion: number;
}

const DEFAULT_TEACHER = 'gpt-4o';
/** OpenAI's list price. Other models and servers: by --price-in and --price-out. */
const knownPrices: Readonly<Record<string, Prices>> = {
  'gpt-4o at https://api.openai.com/v1': { prompt: 2.5, completion: 10 },
};

const examples = `
Styles:
  stepwise    Step 1: ... Step 2: ...
  strategy    Strategy: ... Execution: ...
  causal      Because ..., ... therefore ...
  deduction   statements with [given], [fact], [inference from ...], [conclusion from ...]
  analogy     Analogy: ... Mapping: ... Solution: ...

Answers are checked: a wrong one is asked for again, then the question is given up. The output
has the questions with right traces in every style, for \`kvsteer extract --data\`. Each answer
is kept in OUTPUT.journal as it comes: after an interruption the same command goes on, and asks
for nothing twice.

Environment:
  OPENAI_API_KEY    the key of the teacher; servers of your own may need none
  OPENAI_BASE_URL   where the teacher is, if not at OpenAI

Examples:
  kvsteer traces --data gsm8k-slice:train --from rationale -o traces.jsonl
  kvsteer traces --data gsm8k:train --limit 200 --max-tokens-total 500000 -o traces.jsonl
  kvsteer traces --data gsm8k:train --limit 200 --style all --teacher-engine my.gguf -o styles.jsonl
  kvsteer traces --data mine.jsonl --base-url http://localhost:8000/v1 --teacher mine -o my.jsonl
`;

export function addTracesCommand(program: Command, terminal: Terminal): void {
  const whole = (min: number, max = Number.MAX_SAFE_INTEGER) => number({ min, max, integer: true });
  const command = program
    .command('traces')
    .summary('have a teacher write worked solutions to questions')
    .description(
      "Makes reasoning traces, from which `kvsteer extract` makes a vector: written by a teacher in one style or several, taken from people's worked solutions, or from a file.",
    )
    .optionsGroup('Questions:')
    .requiredOption(
      '-d, --data <source>',
      'questions: a known set, a file, a folder or a hub id, e.g. gsm8k:train (required)',
    );
  addDataOptions(command)
    .option('--limit <n>', 'use the first n questions only (default: all)', whole(1))
    .optionsGroup('Traces:')
    .addOption(
      new Option('--style <names>', `one or several of ${styleNames.join(', ')}; or all`)
        .argParser(styleList)
        .default(['stepwise'], 'stepwise'),
    )
    .addOption(
      new Option(
        '--from <what>',
        'rationale: the worked solutions of the question set; else a JSONL file of {"question", "styles"} or {"question", "trace"}',
      ).conflicts(['teacher', 'baseUrl', 'teacherEngine']),
    )
    .optionsGroup('Teacher:')
    .option('--teacher <model>', `model that the endpoint is asked for (default: "${DEFAULT_TEACHER}")`)
    .option('--base-url <url>', "an OpenAI-compatible endpoint (default: $OPENAI_BASE_URL, else OpenAI's)")
    .addOption(
      new Option(
        '--teacher-engine <name|path>',
        'a local model instead: a name of `kvsteer models`, a hub id or a path',
      ).conflicts(['teacher', 'baseUrl']),
    )
    .option('--attempts <n>', 'answers to a question until one is right', whole(1, 100), 3)
    .option('--max-tokens <n>', 'most tokens of an answer', whole(1, 1_000_000), 1024)
    .option('--concurrency <n>', 'questions at once', whole(1, 256), 8)
    .option('--timeout <seconds>', 'for one answer', number({ above: 0, max: 86_400 }), 120)
    .optionsGroup('Spending:')
    .option(
      '--max-tokens-total <n>',
      'stop before prompts and answers come to more tokens, over all resumptions (default: no cap)',
      whole(1),
    )
    .option(
      '--price-in <dollars>',
      `for a million tokens of prompts (default: known for OpenAI's ${DEFAULT_TEACHER} only)`,
      number({ min: 0 }),
    )
    .option('--price-out <dollars>', 'for a million tokens of answers', number({ min: 0 }))
    .optionsGroup('Output:')
    .requiredOption('-o, --output <file>', 'where the traces go, a JSONL file (required)')
    .option('--overwrite', 'replace the output file if it exists')
    .option('--json', 'print the summary as one JSON object')
    .addHelpText('after', examples)
    .action((flags: TracesFlags) =>
      flags.from === undefined ? ask(flags, terminal) : take({ ...flags, from: flags.from }, terminal),
    );
}

function styleList(text: string): string[] {
  const names = text === 'all' ? [...styleNames] : text.split(',').map((name) => name.trim());
  if (names.includes('') || new Set(names).size < names.length) {
    throw new BadValue('Expected names with commas between them, none twice.');
  }
  return names;
}

/** From a teacher. */
async function ask(flags: TracesFlags, terminal: Terminal): Promise<void> {
  const { output, concurrency, attempts, maxTokens, maxTokensTotal, json } = flags;
  const { stdout, stderr, signal } = terminal;
  const unknown = flags.style.find((name) => !styleNames.includes(name as StyleName));
  if (unknown !== undefined) {
    throw new InvalidArgumentError(
      'style',
      `"${unknown}" is no style that a teacher is asked for. Expected ${styleNames.join(', ')}, or all.`,
    );
  }
  if ((flags.priceIn === undefined) !== (flags.priceOut === undefined)) {
    throw new InvalidArgumentError('price', '--price-in and --price-out go together.');
  }
  const journal = `${output}.journal`;
  const isResumed = await stat(journal).then(
    () => true,
    () => false,
  );
  // A file beside its journal is this command's own, and goes on.
  await requireFreeOutput({ output, overwrite: isResumed || (flags.overwrite ?? false) });

  using progress = new ProgressBar(stderr);
  // What is refused soonest comes first: a missing key, then the questions, then a model that takes long to load.
  const endpoint = flags.teacherEngine === undefined ? await openEndpoint(flags) : null;
  const questions = await questionsOf(flags, progress, signal);
  await using engine =
    flags.teacherEngine === undefined
      ? null
      : await openEngine({ model: flags.teacherEngine, precision: DEFAULT_PRECISION }, terminal, progress);
  const { engineTeacher } = await import('../steer/engine-teacher.ts');
  const teacher = endpoint ?? engineTeacher(engine!);
  const prices = pricesOf(flags, teacher);
  const { makeTraces } = await import('../traces/make-traces.ts');
  const { withFileLock } = await import('../models/file-lock.ts');
  const phase = `asking ${teacher.model}`;
  const onWait = () =>
    progress.update({ phase: 'waiting for another run with this output', done: 0, total: null });
  let retries = 0;
  const run = () =>
    makeTraces(questions, {
      teacher,
      styles: flags.style as StyleName[],
      output,
      concurrency,
      attempts,
      maxTokens,
      ...(maxTokensTotal !== undefined && { maxTotalTokens: maxTokensTotal }),
      signal,
      onProgress: ({ done, total, tokens, retry }) => {
        if (retry !== undefined) retries++;
        const again = retries === 0 ? '' : `, ${counted(retries, 'request')} sent again`;
        progress.update({ phase, done, total, unit: 'count', note: `${spent(tokens, prices)}${again}` });
      },
    });
  progress.update({ phase, done: 0, total: questions.length, unit: 'count' });
  let summary: TraceSummary;
  try {
    summary = await withFileLock(output, { signal, onWait }, run);
  } catch (error) {
    progress.stop();
    if (signal.aborted) {
      printLine(stderr, `Answers so far are in ${journal}: the same command goes on where this one stopped.`);
    }
    throw error;
  }
  progress.stop();
  const cost = prices && dollars(summary.tokens, prices);
  if (json) printJson(stdout, { ...summary, cost });
  if (summary.kept === 0 && summary.left === 0) throw noneKept(summary);
  if (json) return;
  printAsked(summary, flags, terminal, spent(summary.tokens, prices));
}

/** From people: worked solutions of the set, or a file of traces. */
async function take(
  flags: TracesFlags & { readonly from: string },
  { stdout, stderr, signal }: Terminal,
): Promise<void> {
  const { from, output, style } = flags;
  if (from === 'rationale' && style.join() !== 'stepwise') {
    throw new InvalidArgumentError(
      'style',
      'Worked solutions are taken as the style stepwise: leave --style out.',
    );
  }
  await requireFreeOutput(flags);
  using progress = new ProgressBar(stderr);
  const questions = await questionsOf(flags, progress, signal);
  const { fileTraces, rationaleTraces } = await import('../traces/given-traces.ts');
  const { writeTraceItems } = await import('../traces/trace-item.ts');
  const { items, wrong, missing } =
    from === 'rationale' ? rationaleTraces(questions) : await fileTraces(questions, from, style, signal);
  progress.stop();
  if (items.length === 0) {
    throw new InvalidArgumentError(
      'from',
      from === 'rationale'
        ? `None of the ${counted(questions.length, 'question')} has a worked solution. Have a teacher write them, without --from.`
        : `No question has a right trace in ${from}: ${wrong} end in another answer, ${missing} are not in it.`,
    );
  }
  await writeTraceItems(output, items);
  if (flags.json) {
    printJson(stdout, { total: questions.length, kept: items.length, wrong, missing, output });
    return;
  }
  const colors = colorsOf(stdout);
  printLine(stdout, `${colors.green('✔')} ${colors.bold(output)}\n`);
  const fields = [
    ['kept', `${items.length} of ${counted(questions.length, 'question')}`],
    ['wrong', wrong === 0 ? null : `${wrong}, whose trace does not end in the known answer`],
    ['missing', missing === 0 ? null : `${missing}, without a trace or without a known answer`],
  ] as const;
  printLine(stdout, renderFields(fields, colors));
  printLine(stdout, `\n${colors.dim('Try it:')}\n  ${nextCommand(output, style)}`);
}

async function questionsOf(
  flags: TracesFlags,
  progress: ProgressBar,
  signal: AbortSignal,
): Promise<readonly Question[]> {
  const { loadQuestions } = await import('../data/load-questions.ts');
  const { questions } = await loadQuestions(flags.data, {
    ...dataOptions(flags),
    limit: flags.limit,
    signal,
    onProgress: showDownload(progress),
  });
  return questions;
}

async function openEndpoint({ teacher = DEFAULT_TEACHER, baseUrl, timeout }: TracesFlags): Promise<Teacher> {
  const { openAiTeacher } = await import('../traces/openai-teacher.ts');
  return openAiTeacher({
    model: teacher,
    ...(baseUrl !== undefined && { baseUrl }),
    timeoutMs: timeout * 1000,
  });
}

function pricesOf({ priceIn, priceOut }: TracesFlags, { identity }: Teacher): Prices | null {
  if (priceIn !== undefined && priceOut !== undefined) return { prompt: priceIn, completion: priceOut };
  return knownPrices[identity] ?? null;
}

function dollars(tokens: TokenUsage, prices: Prices): number {
  return (tokens.prompt * prices.prompt + tokens.completion * prices.completion) / 1e6;
}

/** `12,345 tokens, $0.05` */
function spent(tokens: TokenUsage, prices: Prices | null): string {
  const count = counted(tokens.prompt + tokens.completion, 'token');
  if (prices === null) return count;
  const cost = dollars(tokens, prices);
  return `${count}, $${cost.toFixed(cost < 1 ? 4 : 2)}`;
}

function printAsked(summary: TraceSummary, flags: TracesFlags, { stdout }: Terminal, cost: string): void {
  const { total, kept, wrong, failed, left, unanswerable, answers, dropped, charged, tokens } = summary;
  const colors = colorsOf(stdout);
  if (summary.output !== null) {
    printLine(stdout, `${colors.green('✔')} ${colors.bold(summary.output)}\n`);
  }
  const unaccounted = charged - tokens.prompt - tokens.completion;
  const some = (count: number, words: string) => (count === 0 ? null : `${count}, ${words}`);
  const fields = [
    ['kept', `${kept} of ${counted(total, 'question')}`],
    ['wrong', some(wrong, `given up after ${counted(flags.attempts, 'attempt')}${shares(dropped)}`)],
    ['failed', some(failed, 'not answered: run again to ask again')],
    ['no answer', some(unanswerable, 'without a known answer, so not asked')],
    ['left', some(left, `beyond the cap of ${counted(flags.maxTokensTotal ?? 0, 'token')}`)],
    [
      'answers',
      `${answers.asked}${answers.recorded === 0 ? '' : `, and ${answers.recorded} of an earlier run`}`,
    ],
    ['spent', cost],
    [
      'lost',
      unaccounted === 0 ? null : `at most ${counted(unaccounted, 'token')} for answers that did not arrive`,
    ],
  ] as const;
  printLine(stdout, renderFields(fields, colors));
  if (left > 0) {
    printLine(
      stdout,
      `\n${colors.yellow('Stopped at the spending cap.')} The same command with a higher --max-tokens-total goes on.`,
    );
  }
  if (kept > 0) {
    printLine(stdout, `\n${colors.dim('Try it:')}\n  ${nextCommand(flags.output, flags.style)}`);
  }
}

const faultWords = { wrong: 'with a wrong answer', form: 'not in the style', cut: 'cut off' } as const;

/** ` (at last 3 with a wrong answer, 1 cut off)` */
function shares(dropped: readonly DroppedQuestion[]): string {
  const parts = (['wrong', 'form', 'cut'] as const)
    .map((fault) => [dropped.filter(({ why }) => why === fault).length, faultWords[fault]] as const)
    .filter(([count]) => count > 0);
  return parts.length === 0
    ? ''
    : ` (at last ${parts.map(([count, words]) => `${count} ${words}`).join(', ')})`;
}

function noneKept({ total, wrong, failed, unanswerable, dropped }: TraceSummary): TeacherError {
  const message = dropped.findLast((one) => one.message !== undefined)?.message;
  const parts = [
    ...(wrong > 0 ? [`${wrong} given up${shares(dropped)}`] : []),
    ...(failed > 0
      ? [`${failed} not answered${message === undefined ? '' : `, the last time because ${message}`}`]
      : []),
    ...(unanswerable > 0 ? [`${unanswerable} without a known answer`] : []),
  ];
  const advice = wrong > 0 ? ' Try a stronger teacher, or more --attempts or --max-tokens.' : '';
  return new TeacherError(
    'refused',
    `No trace was kept of ${counted(total, 'question')}: ${parts.join('; ')}.${advice}`,
  );
}

function nextCommand(output: string, styles: readonly string[]): string {
  const style = styles.includes('stepwise') ? 'stepwise' : styles[0]!;
  const vector = `${basename(output).replace(/\.[^.]*$/, '')}.safetensors`;
  return `kvsteer extract --data ${shellWord(output)} --style ${style} --against direct -o ${shellWord(vector)}`;
}
