import type { Command } from 'commander';
import { collectTexts, number } from './parse.ts';

export interface GenerationFlags {
  readonly maxTokens: number;
  readonly temperature: number;
  readonly topK?: number;
  readonly topP?: number;
  readonly minP?: number;
  readonly repetitionPenalty?: number;
  readonly seed?: number;
  readonly stop?: readonly string[];
}

const DEFAULT_MAX_TOKENS = 256;

/** Ranges as `GenerateOptions` of the engine contract. */
export function addGenerationOptions(command: Command): Command {
  return command
    .optionsGroup('Generation:')
    .option(
      '-n, --max-tokens <n>',
      'stop after this many tokens',
      number({ min: 1, integer: true }),
      DEFAULT_MAX_TOKENS,
    )
    .option('-t, --temperature <t>', '0 is greedy; above, tokens are drawn', number({ min: 0, max: 10 }), 0)
    .option(
      '--top-k <k>',
      'draw from the k likeliest tokens only (default: all)',
      number({ min: 0, integer: true }),
    )
    .option(
      '--top-p <p>',
      'draw from the likeliest tokens that together have this mass (default: 1)',
      number({ above: 0, max: 1 }),
    )
    .option(
      '--min-p <p>',
      'drop tokens less likely than this share of the likeliest (default: 0)',
      number({ min: 0, max: 1 }),
    )
    .option(
      '--repetition-penalty <x>',
      'above 1 makes repetition less likely (default: 1)',
      number({ above: 0, max: 10 }),
    )
    .option('--seed <n>', 'draw the same tokens each time (default: random)', number({ integer: true }))
    .option(
      '--stop <text>',
      'end before this text; may be given several times; \\n is a line feed',
      collectTexts,
    );
}

/** The flags as options of the library; a flag that was not given stays away. */
export function generationOptions(flags: GenerationFlags): GenerationFlags {
  const { maxTokens, temperature, topK, topP, minP, repetitionPenalty, seed, stop } = flags;
  return {
    maxTokens,
    temperature,
    ...(topK !== undefined && { topK }),
    ...(topP !== undefined && { topP }),
    ...(minP !== undefined && { minP }),
    ...(repetitionPenalty !== undefined && { repetitionPenalty }),
    ...(seed !== undefined && { seed }),
    ...(stop !== undefined && { stop }),
  };
}
