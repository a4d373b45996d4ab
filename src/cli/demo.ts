import { type Command, Option } from 'commander';
import { InvalidArgumentError } from '../errors.ts';
import { STYLES, type Style } from './demo/bundled-files.ts';
import { Page } from './demo/page.ts';
import { addModelOptions, type ModelFlags } from './options/model-options.ts';
import { number } from './options/parse.ts';
import { ProgressBar } from './progress-bar.ts';
import type { Terminal } from './terminal.ts';

export interface DemoFlags extends ModelFlags {
  readonly style?: Style;
  readonly problems?: number;
  readonly json?: boolean;
}

/** The model that comes with the package. */
const BUNDLED = 'tiny';

const examples = `
Examples:
  kvsteer demo
  kvsteer demo --style causal
  kvsteer demo --model smollm2-135m-instruct
  kvsteer demo --json > demo.json
`;

export function addDemoCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command('demo')
    .summary('see steering work, offline, in seconds')
    .description(
      'Shows what one edit of the KV cache does. With the model that comes with kvsteer: a problem, the plain answer, the edit, the steered answer, then the accuracy over held-out problems beside two controls. With any other model: extracts a vector first, then answers plain and steered, and counts answers that begin "Step" at growing coefficients.',
    )
    .addOption(
      new Option('--style <name>', 'with tiny: how the vector makes it answer (default: "stepwise")').choices(
        STYLES,
      ),
    )
    .option(
      '--problems <n>',
      'problems to ask: up to 500 with tiny, 24 with other models (default: 200, 12)',
      number({ min: 1, integer: true }),
    );
  addModelOptions(command, BUNDLED)
    .optionsGroup('Output:')
    .option(
      '--json',
      'print one JSON object instead: plain, steered, random and cot, each with accuracy, interval, tokens and n; with other models examples and doseResponse',
    )
    .addHelpText('after', examples)
    .action((flags: DemoFlags) => demo(flags, terminal));
}

async function demo(flags: DemoFlags, terminal: Terminal): Promise<void> {
  const isBundled = flags.model === BUNDLED;
  if (flags.style !== undefined && !isBundled) {
    throw new InvalidArgumentError(
      'style',
      `--style chooses a vector of ${BUNDLED}; ${flags.model} has none.`,
    );
  }
  const page = new Page(terminal.stdout, flags.json ?? false);
  using progress = new ProgressBar(terminal.stderr);
  if (isBundled) {
    const { bundledDemo } = await import('./demo/bundled-demo.ts');
    await bundledDemo(flags, terminal, page, progress);
  } else {
    const { extractingDemo } = await import('./demo/extracting-demo.ts');
    await extractingDemo(flags, terminal, page, progress);
  }
}
