import type { Command } from 'commander';
import type { Engine } from '../engine/engine.ts';
import type { SteeringPlan } from '../steer/plan.ts';
import type { SteerResult } from '../steer/steer.ts';
import { answerJson, answerNotes, collectAnswer, editNote } from './answer.ts';
import { openEngineAndVector } from './open-engine.ts';
import {
  addGenerationOptions,
  type GenerationFlags,
  generationOptions,
} from './options/generation-options.ts';
import { addModelOptions, type ModelFlags } from './options/model-options.ts';
import { numberList } from './options/parse.ts';
import { addPromptOptions, type PromptFlags, readPrompt } from './options/prompt-options.ts';
import { addSteeringOptions, offsetOption, planOf, type SteeringFlags } from './options/steering-options.ts';
import { ProgressBar } from './progress-bar.ts';
import { renderColumns } from './render/columns.ts';
import { wrapText } from './render/wrap.ts';
import { colorsOf, printJson, printLine, type Terminal, widthOf } from './terminal.ts';

interface CompareFlags extends ModelFlags, SteeringFlags, PromptFlags, GenerationFlags {
  readonly vector: string;
  readonly values?: readonly number[];
  readonly json?: boolean;
}

const examples = `
Examples:
  kvsteer compare --vector steps.safetensors --values 4 "How much are 7 pens at 3 dollars?"
  kvsteer compare --vector steps.safetensors --values 1,2,4 "What is 12 * 7?"
`;

export function addCompareCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command('compare')
    .summary('the plain and the steered answer side by side')
    .description(
      'Answers a prompt plain and steered, and shows both side by side with their tokens, time, and time per token. Steering costs nothing per token: longer answers take longer because they are longer.',
    )
    .argument('[prompt]', 'the question, in quotes; left out, or "-": read from stdin')
    .optionsGroup('Steering:')
    .requiredOption('-v, --vector <file>', 'steering vector, as made by `kvsteer extract` (required)')
    .option(
      '-c, --values <list>',
      "coefficient of the values, or several, e.g. 1,2,4: a column for each (default: the vector's recommendation, else 1)",
      numberList,
    );
  addSteeringOptions(command);
  addGenerationOptions(command);
  addPromptOptions(command);
  addModelOptions(command)
    .optionsGroup('Output:')
    .option(
      '--json',
      'print one JSON object instead: plain and steered, each as of `kvsteer run --json`; with several --values, steered is a list',
    )
    .addHelpText('after', examples)
    .action((prompt: string | undefined, flags: CompareFlags) => compare(prompt, flags, terminal));
}

async function compare(argument: string | undefined, flags: CompareFlags, terminal: Terminal): Promise<void> {
  const offset = offsetOption(flags);
  const prompt = await readPrompt(argument, flags, terminal);
  const { stdout, stderr, signal } = terminal;
  using progress = new ProgressBar(stderr);
  const { engine, vector } = await openEngineAndVector(flags, terminal, progress);
  await using _ = engine;
  const asked = flags.raw ? engine.tokenizer.encode(prompt) : prompt;
  const options = {
    ...generationOptions(flags),
    ...(flags.system !== undefined && { system: flags.system }),
    force: flags.force ?? false,
    signal,
  };
  const plans = (flags.values ?? [undefined]).map((values) => planOf(vector, values, flags, engine));
  const answer = (phase: string, plan: SteeringPlan | null) =>
    answerWithProgress(
      engine,
      asked,
      plan,
      plan === null ? options : { ...options, ...offset },
      phase,
      progress,
    );

  const plain = await answer('plain answer', null);
  const steered: SteerResult[] = [];
  for (const plan of plans) steered.push(await answer('steered answer', plan));
  progress.stop();

  if (flags.json) {
    const all = steered.map((result) => answerJson(result, flags.vector));
    const single = flags.values === undefined || flags.values.length === 1;
    printJson(stdout, { plain: answerJson(plain, undefined), steered: single ? all[0] : all });
    return;
  }
  const colors = colorsOf(stdout);
  const width = widthOf(stdout);
  const columns = [
    { title: 'plain', text: plain.text, notes: answerNotes(plain) },
    ...steered.map((result) => ({
      title: `steered, values × ${result.plans[0]!.values}`,
      text: result.text,
      notes: answerNotes(result),
    })),
  ];
  printLine(stdout, renderColumns(columns, width, colors));
  const note = wrapText(editNote(steered, flags.vector) ?? '', width).join('\n');
  printLine(stdout, `\n${colors.dim(note)}`);
}

type AnswerOptions = Parameters<typeof import('../steer/steer.ts').generateSteered>[3];

async function answerWithProgress(
  engine: Engine,
  prompt: string | readonly number[],
  plan: SteeringPlan | null,
  options: AnswerOptions & { readonly maxTokens: number },
  phase: string,
  progress: ProgressBar,
): Promise<SteerResult> {
  const { generateSteered } = await import('../steer/steer.ts');
  progress.stop();
  let done = -1;
  const step = () =>
    progress.update({
      phase,
      done: Math.min(++done, options.maxTokens),
      total: options.maxTokens,
      unit: 'count',
    });
  step();
  return await collectAnswer(generateSteered(engine, prompt, plan, options), step);
}
