import type { Command } from 'commander';
import type { SteerResult } from '../steer/steer.ts';
import { answerJson, answerNotes, collectAnswer, editNote } from './answer.ts';
import { openEngineAndVector } from './open-engine.ts';
import {
  addGenerationOptions,
  type GenerationFlags,
  generationOptions,
} from './options/generation-options.ts';
import { addModelOptions, type ModelFlags } from './options/model-options.ts';
import { number } from './options/parse.ts';
import { addPromptOptions, type PromptFlags, readPrompt } from './options/prompt-options.ts';
import {
  addSteeringOptions,
  offsetOption,
  planOf,
  requireVectorFor,
  type SteeringFlags,
} from './options/steering-options.ts';
import { ProgressBar } from './progress-bar.ts';
import { printable, wrapText } from './render/wrap.ts';
import { colorsOf, printJson, printLine, type Terminal, widthOf } from './terminal.ts';

interface RunFlags extends ModelFlags, SteeringFlags, PromptFlags, GenerationFlags {
  readonly values?: number;
  readonly json?: boolean;
}

const examples = `
Examples:
  kvsteer run "Why is the sky blue?"
  kvsteer run --vector steps.safetensors --values 4 "How much are 7 pens at 3 dollars?"
  cat question.txt | kvsteer run --vector steps.safetensors --json > answer.json
`;

export function addRunCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command('run')
    .summary('answer a prompt, plain or steered')
    .description(
      'Answers a prompt and streams the text to stdout. With --vector the KV cache is edited once, after the prompt was read; then the model generates as usual.',
    )
    .argument('[prompt]', 'the question, in quotes; left out, or "-": read from stdin')
    .optionsGroup('Steering:')
    .option(
      '-v, --vector <file>',
      'steering vector, as made by `kvsteer extract` (default: none, a plain answer)',
    )
    .option(
      '-c, --values <c>',
      "coefficient of the values; negative steers away (default: the vector's recommendation, else 1)",
      number(),
    );
  addSteeringOptions(command);
  addGenerationOptions(command);
  addPromptOptions(command);
  addModelOptions(command)
    .optionsGroup('Output:')
    .option(
      '--json',
      'print one JSON object instead: text, tokens, promptTokens, editedPosition, finishReason, timings, steering',
    )
    .addHelpText('after', examples)
    .action((prompt: string | undefined, flags: RunFlags) => run(prompt, flags, terminal));
}

async function run(argument: string | undefined, flags: RunFlags, terminal: Terminal): Promise<void> {
  requireVectorFor(flags);
  const offset = offsetOption(flags);
  const prompt = await readPrompt(argument, flags, terminal);
  const { stdout, stderr, signal } = terminal;
  using progress = new ProgressBar(stderr);
  const { engine, vector } = await openEngineAndVector(flags, terminal, progress);
  await using _ = engine;
  const { generateSteered } = await import('../steer/steer.ts');
  const events = generateSteered(
    engine,
    flags.raw ? engine.tokenizer.encode(prompt) : prompt,
    vector === null ? null : planOf(vector, flags.values, flags, engine),
    {
      ...generationOptions(flags),
      ...offset,
      ...(flags.system !== undefined && { system: flags.system }),
      force: flags.force ?? false,
      signal,
    },
  );
  if (flags.json) {
    printJson(stdout, answerJson(await collectAnswer(events), flags.vector));
    return;
  }
  let last = '\n';
  const write = (text: string) => {
    if (text === '') return;
    last = text;
    stdout.write(stdout.isTTY ? printable(text) : text);
  };
  let result: SteerResult;
  try {
    result = await collectAnswer(events, write);
    if (result.text === '') last = '';
  } finally {
    if (!last.endsWith('\n')) printLine(stdout);
  }
  if (stderr.isTTY) printNotes(result, flags.vector, stderr);
}

function printNotes(result: SteerResult, vector: string | undefined, stderr: NodeJS.WriteStream): void {
  const edit = vector === undefined ? null : editNote([result], vector);
  const notes = [answerNotes(result).join(', '), ...(edit === null ? [] : [edit])];
  for (const line of notes.flatMap((note) => wrapText(note, widthOf(stderr)))) {
    printLine(stderr, colorsOf(stderr).dim(line));
  }
}
