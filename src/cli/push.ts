import { basename } from 'node:path';
import type { Command } from 'commander';
import { readVector, vectorPath } from './read-vector.ts';
import { shellWord } from './render/quantities.ts';
import { colorsOf, printJson, printLine, type Terminal } from './terminal.ts';

interface PushFlags {
  readonly file?: string;
  readonly private?: boolean;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

const examples = `
Environment:
  HF_TOKEN       a token of the hub with write access (required)
  HF_ENDPOINT    a mirror of the hub

The repository is made if it is not there. The card is its README.md; one that a person wrote, or that
tells of another vector, is kept.

Examples:
  kvsteer push steps.safetensors me/steps --dry-run
  kvsteer push steps.safetensors me/steps
  kvsteer run --vector me/steps "How much are 7 pens at 3 dollars?"
`;

export function addPushCommand(program: Command, terminal: Terminal): void {
  program
    .command('push')
    .summary('share a vector on the hub, with a card')
    .description(
      'Uploads a vector to a model repository of the hub, in one commit with a card that tells its model, recipe, coefficients, statistics and licence, and how to use it.',
    )
    .argument('<vector>', 'vector file, or the name of a bundled one')
    .argument('<repo>', 'owner/name')
    .option('--file <name>', "its name in the repository (default: the file's own)")
    .option('--private', 'if the repository is made now: for its owner only')
    .option('--dry-run', 'print the card, and upload nothing')
    .option('--json', 'print one JSON object instead: repo, file, url, commit, created, card')
    .addHelpText('after', examples)
    .action((name: string, repo: string, flags: PushFlags) => push(name, repo, flags, terminal));
}

async function push(name: string, repo: string, flags: PushFlags, terminal: Terminal): Promise<void> {
  const { stdout, stderr, signal } = terminal;
  const vector = await readVector(name, signal);
  const path = vectorPath(name);
  const { file = basename(path) } = flags;
  if (flags.dryRun) {
    const { vectorCard } = await import('../sharing/vector-card.ts');
    stdout.write(vectorCard(vector, file, repo));
    return;
  }
  if (vector.licence === null) {
    printLine(stderr, 'The vector states no licence, so others may not know whether they can use it.');
  }
  const { pushVector } = await import('../sharing/push-vector.ts');
  const pushed = await pushVector(path, repo, { file, private: flags.private ?? false, signal });
  if (flags.json) {
    printJson(stdout, pushed);
    return;
  }
  const colors = colorsOf(stdout);
  printLine(stdout, `${colors.green('✔')} ${colors.bold(pushed.url)}${pushed.created ? ' (made)' : ''}`);
  if (pushed.card === 'kept') printLine(stdout, 'Its README.md was kept as it is.');
  const use = `kvsteer run --vector ${shellWord(`${repo}:${file}`)} "..."`;
  printLine(stdout, `\n${colors.dim('Use it:')}\n  ${use}`);
}
