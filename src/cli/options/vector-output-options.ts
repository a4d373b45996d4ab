import type { Command } from 'commander';
import { number } from './parse.ts';

/** Where a command puts the vector that it makes, and what it notes in the file. */
export interface VectorOutputFlags {
  readonly output: string;
  readonly overwrite?: boolean;
  readonly recommendValues?: number;
  readonly recommendKeys?: number;
  readonly name?: string;
  readonly licence?: string;
  readonly creator?: string;
  readonly json?: boolean;
}

interface Notes {
  /** Help of `--name` and `--licence`, where they have a default to tell. */
  readonly name?: string;
  readonly licence?: string;
}

export function addVectorOutputOptions(
  command: Command,
  {
    name = 'what the vector is, kept in the file',
    licence = 'licence of the vector, kept in the file',
  }: Notes = {},
): Command {
  return command
    .requiredOption('-o, --output <file>', 'where the vector goes, a .safetensors file (required)')
    .option('--overwrite', 'replace the output file if it exists')
    .option('--recommend-values <c>', 'coefficient of the values, kept in the file as its default', number())
    .option('--recommend-keys <c>', 'coefficient of the keys, kept in the file as its default', number())
    .option('--name <text>', name)
    .option('--licence <text>', licence)
    .option('--creator <text>', 'who made it, kept in the file')
    .option('--json', 'print the summary as one JSON object');
}
