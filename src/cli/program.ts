import { Command } from 'commander';
import { addCombineCommand } from './combine.ts';
import { addCompareCommand } from './compare.ts';
import { addDataCommand } from './data.ts';
import { addDemoCommand } from './demo.ts';
import { addEvalCommand } from './eval.ts';
import { addExtractCommand } from './extract.ts';
import { addImportCommand } from './import.ts';
import { addInspectCommand } from './inspect.ts';
import { addModelsCommand } from './models.ts';
import { packageVersion } from './package-version.ts';
import { addPairsCommand } from './pairs.ts';
import { addPullCommand } from './pull.ts';
import { addPushCommand } from './push.ts';
import { addReportCommand } from './report.ts';
import { addRunCommand } from './run.ts';
import { addServeCommand } from './serve.ts';
import { addStudyCommand } from './study.ts';
import { addSweepCommand } from './sweep.ts';
import { colorsOf, type Terminal, widthOf } from './terminal.ts';
import { addTracesCommand } from './traces.ts';
import { addTuneCommand } from './tune.ts';
import { addWorkerCommand } from './worker.ts';

const start = `
Start here:
  kvsteer demo                                          what steering is, offline, in seconds
  kvsteer pull                                          the default model, 98 MB
  kvsteer extract --data steps -o steps.safetensors     a vector from 16 worked questions
  kvsteer compare --vector steps.safetensors --values 1,2,4 "What is 12 * 7?"

\`kvsteer COMMAND --help\` documents each command.
KVSTEER_DEBUG=1 adds details to errors, NO_COLOR=1 turns colours off, KVSTEER_CACHE moves the cache.
Exit codes: 0 done, 1 a defect of kvsteer, 2 something to put right, 130 interrupted.
`;

/** What commander leaves unsaid about the mistakes that newcomers make. */
const hints: readonly (readonly [pattern: RegExp, hint: string])[] = [
  [
    /^unknown option '-[^']*\s/,
    'A prompt that begins with "-" goes after two dashes: kvsteer run -- "-3 + 5?"',
  ],
  [/^too many arguments for '(run|compare)'/, 'Put the prompt in quotes: it is one argument.'],
  [
    /^(unknown command|unknown option|missing required|required option)/,
    'See kvsteer --help, or kvsteer COMMAND --help.',
  ],
];

function explained(text: string): string {
  const message = text.replace(/^error: /, '').trimEnd();
  const hint = hints.find(([pattern]) => pattern.test(message))?.[1];
  const first = message.charAt(0).toUpperCase() + message.slice(1);
  return `${hint === undefined ? first : `${first}\n${hint}`}\n`;
}

/** All commands. Errors are thrown, so that `main.ts` alone decides how the process ends. */
export function createProgram(terminal: Terminal): Command {
  const { stdout, stderr } = terminal;
  const [out, err] = [colorsOf(stdout), colorsOf(stderr)];
  const program = new Command('kvsteer')
    .description(
      'KV cache steering: edit the cache of a language model once, after it has read the prompt, and change how it answers.',
    )
    .version(packageVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [command]', 'print the help of a command')
    .exitOverride()
    .configureHelp({
      styleTitle: out.bold,
      styleCommandText: out.cyan,
      styleSubcommandText: out.cyan,
      styleOptionText: out.cyan,
      styleArgumentText: out.cyan,
    })
    .configureOutput({
      writeOut: (text) => stdout.write(text),
      writeErr: (text) => stderr.write(text),
      outputError: (text, write) => write(`${err.red('kvsteer:')} ${explained(text)}`),
      getOutHelpWidth: () => widthOf(stdout),
      getErrHelpWidth: () => widthOf(stderr),
      getOutHasColors: () => out.isColorSupported,
      getErrHasColors: () => err.isColorSupported,
    })
    .showSuggestionAfterError()
    .addHelpText('after', start);
  addDemoCommand(program, terminal);
  addPullCommand(program, terminal);
  addModelsCommand(program, terminal);
  addDataCommand(program, terminal);
  addPairsCommand(program, terminal);
  addExtractCommand(program, terminal);
  addRunCommand(program, terminal);
  addCompareCommand(program, terminal);
  addInspectCommand(program, terminal);
  addCombineCommand(program, terminal);
  addImportCommand(program, terminal);
  addServeCommand(program, terminal);
  addTracesCommand(program, terminal);
  addStudyCommand(program, terminal);
  addPushCommand(program, terminal);
  addEvalCommand(program, terminal);
  addTuneCommand(program, terminal);
  addSweepCommand(program, terminal);
  addWorkerCommand(program, terminal);
  addReportCommand(program, terminal);
  return program;
}
