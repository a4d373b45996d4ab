/** Flags that `eval` and `tune` share: what is asked, and what the pairs are. */
import type { Command } from 'commander';
import { Option } from 'commander';
import type { ScorerName } from '../../evaluate/run.ts';
import { defaultStyles } from '../../pairs/item.ts';
import { addDataFolderOption } from './data-options.ts';
import { DEFAULT_PAIRS } from './pair-options.ts';
import { escapedText, number } from './parse.ts';

export interface TaskFlags {
  readonly task?: string;
  readonly dataFolder?: string;
  readonly n?: number;
  readonly validation?: string;
  readonly validationN: number;
  readonly scorer?: ScorerName;
  readonly maxTokens: number;
  readonly seed: number;
  readonly offsetToken?: string;
  readonly concurrency?: number;
  readonly out?: string;
  readonly json?: boolean;
}

/** What the vector is, or is made of. */
export interface MaterialFlags {
  readonly vector?: string;
  readonly data?: string;
  readonly pairs?: string;
  readonly pairsCount?: number;
  readonly style?: string;
  readonly against?: string;
  readonly turns?: number;
}

const count = number({ min: 1, max: 1_000_000, integer: true });

/** @param most questions of a task that is not the bundled model's. @param validation questions that settings are chosen on. */
export function addTaskOptions(command: Command, most: number, validation: number): Command {
  command
    .optionsGroup('Task:')
    .option(
      '-t, --task <source>',
      "questions: a known set (gsm8k:test, arc-challenge:test, ...), a file or folder, or a hub data set (default: tiny's held-out problems with tiny, else gsm8k-slice:test)",
    );
  return addDataFolderOption(command)
    .option('-n, --n <n>', `ask the first n (default: 500 of tiny's problems, else ${most})`, count)
    .option(
      '--validation <source>',
      "questions for choosing settings, apart from the task by text (default: tiny's own with tiny)",
    )
    .option('--validation-n <n>', 'use n of them', count, validation)
    .addOption(
      new Option('--scorer <how>', 'how answers are compared (default: what fits the questions)').choices([
        'number',
        'choice',
        'yes-no',
        'math',
        'text',
      ]),
    )
    .option('--max-tokens <n>', 'most tokens of an answer', count, 256)
    .option('--seed <n>', 'of sampling, controls and the bootstrap', number({ integer: true }), 0)
    .option('--offset-token <text>', 'one token after the prompt (default: "\\n")', escapedText);
}

export function addMaterialOptions(command: Command): Command {
  return command
    .optionsGroup('Steering:')
    .option(
      '-v, --vector <file>',
      "steering vector (default: tiny's stepwise vector with tiny, else made from --data)",
    )
    .option(
      '-d, --data <source>',
      'worked questions, as of `kvsteer extract`: for a vector of their own, shuffled labels, activation steering and worked examples; "steps": 16 that come with kvsteer; gsm8k:train, a file, a hub id',
    )
    .addOption(new Option('-p, --pairs <file>', 'instead: JSONL file of finished pairs').conflicts('data'))
    .option('--pairs-count <n>', `how many pairs (default: ${DEFAULT_PAIRS}, or all of fewer)`, count)
    .option(
      '--style <name>',
      `with --data: style of the answers in positive example turns (default: ${defaultStyles.positive})`,
    )
    .option(
      '--against <name>',
      `with --data: style of the answers in negative ones (default: ${defaultStyles.negative})`,
    )
    .option(
      '--turns <n>',
      'with --data: example turns (default: 2)',
      number({ min: 1, max: 1000, integer: true }),
    );
}

export function addRunFolderOptions(command: Command): Command {
  return command
    .optionsGroup('Run:')
    .option(
      '-o, --out <folder>',
      'keep the run: configuration, every answer as it ends, summary; one that was stopped is gone on with',
    )
    .option(
      '--concurrency <n>',
      'answers in the engine at once (default: what fits 1 GiB)',
      number({ min: 1, max: 256, integer: true }),
    )
    .optionsGroup('Output:')
    .option('--json', 'print one JSON object instead: configuration and summary');
}
