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
  HF_TOKEN        for gated or private repositories of the hub
  HF_HUB_OFFLINE  1: do not ask the hub

Examples:
  kvsteer pull ${DEFAULT_MODEL}
  kvsteer pull Qwen/Qwen2.5-0.5B-Instruct-GGUF:qwen2.5-0.5b-instruct-q4_0.gguf
  kvsteer pull someone/vectors:stepwise.safetensors
`;

export function addPullCommand(program: Command, terminal: Terminal): void {
  program
    .command('pull')
    .summary('download a model or a vector into the cache')
    .description(
      'Downloads a model, or a steering vector of the hub, into the cache, checks every byte, and prints its path. An interrupted download goes on where it stopped; what is there already is only checked. A repository that holds no model but a vector gives the vector, which --vector takes by the same name.',
    )
    .argument(
      '[name]',
      'a name of `kvsteer models`, or a hub id: owner/name, owner/name@revision, owner/name:file.gguf, owner/name:vector.safetensors',
      DEFAULT_MODEL,
    )
    .option('--refresh', 'ask the hub for a newer version of what is there')
    .option('--json', 'print one JSON object instead: name, kind, path')
    .addHelpText('after', examples)
    .action((name: string, flags: PullFlags) => pull(name, flags, terminal));
}

async function pull(name: string, flags: PullFlags, { stdout, stderr, signal }: Terminal): Promise<void> {
  const { pullModelOrVector } = await import('../sharing/pull-vector.ts');
  using progress = new ProgressBar(stderr);
  const onProgress = ({ phase, file, receivedBytes, totalBytes }: ModelProgress) =>
    progress.update({ phase, file, done: receivedBytes, total: totalBytes });
  const pulled = await pullModelOrVector(name, { signal, onProgress, refresh: flags.refresh ?? false });
  progress.stop();
  const found =
    pulled.kind === 'vector'
      ? { name: pulled.vector.name, kind: pulled.kind, path: pulled.vector.path }
      : { name: pulled.model.name, kind: pulled.model.kind, path: pulled.model.path };
  if (flags.json) printJson(stdout, found);
  else printLine(stdout, found.path);
}
