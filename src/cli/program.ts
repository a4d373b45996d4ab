import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { addCompareCommand } from './compare.ts';
import { addExtractCommand } from './extract.ts';
import { addInspectCommand } from './inspect.ts';
import { addModelsCommand } from './models.ts';
import { addPullCommand } from './pull.ts';
import { addRunCommand } from './run.ts';
import { colorsOf, type Terminal, widthOf } from './terminal.ts';

const start = `
Start here:
  kvsteer pull                                                  the default model, 98 MB
  kvsteer extract --items steps.jsonl -o steps.safetensors      a vector from worked questions
  kvsteer compare --vector steps.safetensors --values 4 "A pen costs 3 dollars. How much are 7 pens?"

\`kvsteer COMMAND --help\` documents each command. KVSTEER_DEBUG=1 adds details to errors; NO_COLOR=1 turns colours off.
Exit codes: 0 done, 1 a defect of kvsteer, 2 something to put right, 130 interrupted.
`;

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
      outputError: (text, write) => write(`${err.red('kvsteer:')} ${text.replace(/^error: /, '')}`),
      getOutHelpWidth: () => widthOf(stdout),
      getErrHelpWidth: () => widthOf(stderr),
      getOutHasColors: () => out.isColorSupported,
      getErrHasColors: () => err.isColorSupported,
    })
    .showSuggestionAfterError()
    .addHelpText('after', start);
  addPullCommand(program, terminal);
  addModelsCommand(program, terminal);
  addExtractCommand(program, terminal);
  addRunCommand(program, terminal);
  addCompareCommand(program, terminal);
  addInspectCommand(program, terminal);
  return program;
}

/** From package.json, which is two folders up from here in src/ and in dist/. */
function packageVersion(): string {
  const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  return (manifest as { version: string }).version;
}
