import { homedir } from 'node:os';
import { sep } from 'node:path';
import type { Command } from 'commander';
import type { ListedModel } from '../models/list.ts';
import { DEFAULT_MODEL } from './options/defaults.ts';
import { formatBytes } from './render/quantities.ts';
import { renderTable } from './render/table.ts';
import { type Colors, colorsOf, printJson, printLine, type Terminal } from './terminal.ts';

const examples = `
Examples:
  kvsteer models
  kvsteer models --json
`;

export function addModelsCommand(program: Command, terminal: Terminal): void {
  program
    .command('models')
    .summary('list the models that are known or here')
    .description(
      'Lists the models that have a name of their own and the hub models in the cache, with their size, state and file. Any hub id, .gguf file, or folder with safetensors or ONNX works as --model too.',
    )
    .option('--json', 'print a JSON list instead: name, kind, state, bytes, totalBytes, path, description')
    .addHelpText('after', examples)
    .action((flags: { json?: boolean }) => models(flags, terminal));
}

async function models(flags: { readonly json?: boolean }, { stdout }: Terminal): Promise<void> {
  const { cacheFolder, listModels } = await import('../models/index.ts');
  const listed = await listModels();
  if (flags.json) {
    printJson(stdout, listed);
    return;
  }
  const colors = colorsOf(stdout);
  const cache = cacheFolder();
  const rows = listed.map((model) => [
    colors.bold(model.name),
    stateOf(model, colors),
    model.totalBytes > 0 ? formatBytes(model.totalBytes) : '',
    model.path === null ? colors.dim(`kvsteer pull ${model.name}`) : place(model.path, cache),
  ]);
  const columns = [
    { title: 'name' },
    { title: 'state' },
    { title: 'size', align: 'right' },
    { title: 'file' },
  ] as const;
  printLine(stdout, renderTable(columns, rows, colors));
  printLine(stdout, colors.dim(`\nDefault model: ${DEFAULT_MODEL}. Cache folder: ${fromHome(cache)}`));
}

function stateOf({ state, bytes, totalBytes }: ListedModel, colors: Colors): string {
  switch (state) {
    case 'bundled':
    case 'cached':
      return colors.green(state);
    case 'partial':
      return colors.yellow(`${totalBytes > 0 ? Math.floor((bytes / totalBytes) * 100) : 0}% here`);
    case 'available':
      return colors.dim('not here');
    default:
      return state satisfies never;
  }
}

/** Short enough for a table: inside the cache folder, which is named below it, or else inside the home folder. */
function place(path: string, cache: string): string {
  return path.startsWith(cache + sep) ? path.slice(cache.length + 1) : fromHome(path);
}

function fromHome(path: string): string {
  const home = homedir();
  return path === home || path.startsWith(home + sep) ? `~${path.slice(home.length)}` : path;
}
