import type { Command } from 'commander';
import type { ModelProgress } from '../models/progress.ts';
import { DEFAULT_MODEL } from './options/defaults.ts';
import { ProgressBar } from './progress-bar.ts';
import { printJson, printLine, type Terminal } from './terminal.ts';

interface PullFlags {
  readonly refresh?: boolean;
  readonly json?: boolean;
}

const examples = `
Environment:
  KVSTEER_CACHE   the cache folder (default: kvsteer in the system's cache folder)
  HF_ENDPOINT     a mirror of the hub
  HF_TOKEN        for gated models of the hub
  HF_HUB_OFFLINE  1: do not ask the hub

Examples:
  kvsteer pull ${DEFAULT_MODEL}
  kvsteer pull Qwen/Qwen2.5-0.5B-Instruct-GGUF:qwen2.5-0.5b-instruct-q4_0.gguf
`;

export function addPullCommand(program: Command, terminal: Terminal): void {
  program
    .command('pull')
    .summary('download a model into the cache')
    .description(
      'Downloads a model into the cache, checks every byte, and prints its path. An interrupted download goes on where it stopped; a model that is there already is only checked.',
    )
    .argument(
      '[name]',
      'a name of `kvsteer models`, or a hub id: owner/name, owner/name@revision, owner/name:file.gguf',
      DEFAULT_MODEL,
    )
    .option('--refresh', 'ask the hub for a newer version of a model that is there')
    .option('--json', 'print one JSON object instead: name, kind, path')
    .addHelpText('after', examples)
    .action((name: string, flags: PullFlags) => pull(name, flags, terminal));
}

async function pull(name: string, flags: PullFlags, { stdout, stderr, signal }: Terminal): Promise<void> {
  const { pullModel } = await import('../models/index.ts');
  using progress = new ProgressBar(stderr);
  const onProgress = ({ phase, file, receivedBytes, totalBytes }: ModelProgress) =>
    progress.update({ phase, file, done: receivedBytes, total: totalBytes });
  const model = await pullModel(name, { signal, onProgress, refresh: flags.refresh ?? false });
  progress.stop();
  if (flags.json) printJson(stdout, { name: model.name, kind: model.kind, path: model.path });
  else printLine(stdout, model.path);
}
