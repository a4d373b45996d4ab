import { InvalidArgumentError as BadValue, type Command, Option } from 'commander';
import type { PairAggregation } from '../../vectors/aggregate/aggregator.ts';
import type { HeadChoice } from '../../vectors/prune.ts';
import { number } from './parse.ts';

export interface HeadRule {
  readonly by: 'norm' | 'reliability' | 'ablation';
  readonly choice: HeadChoice;
  /** As it was given. */
  readonly text: string;
}

export interface AggregationFlags {
  readonly aggregate: PairAggregation;
  readonly clusters?: number;
  readonly heads?: HeadRule;
  /** False with `--no-cache`. */
  readonly cache: boolean;
}

export function addAggregationOptions(command: Command): Command {
  return command
    .optionsGroup('Aggregation:')
    .addOption(
      new Option(
        '--aggregate <how>',
        'how the pairs become a vector; median: outliers do not count; pca: what the pairs have in common; kmeans: several vectors, the nearest one is used; whitened: the mean, turned away from what varies anyway',
      )
        .choices(['mean', 'median', 'pca', 'kmeans', 'whitened'])
        .default('mean'),
    )
    .option(
      '--clusters <k>',
      'with --aggregate kmeans: how many vectors (default: 4)',
      number({ min: 1, max: 64, integer: true }),
    )
    .option(
      '--heads <rule>',
      'keep only some KV heads: norm:20 the 20 that move furthest; reliability:20 the 20 on which the halves of the pairs agree best, reliability:0.9 those with that cosine; ablation:20 the 20 without which the vector does least, tried on held-out questions (default: all)',
      parseHeads,
    )
    .option('--no-cache', 'extract anew, and keep nothing for the next time');
}

function parseHeads(text: string): HeadRule {
  const match = /^(norm|reliability|ablation):(\d+|0?\.\d+)$/.exec(text.trim());
  const limit = Number(match?.[2]);
  const by = match?.[1] as HeadRule['by'];
  if (match === null || (by !== 'reliability' && !Number.isSafeInteger(limit))) {
    throw new BadValue('Expected norm:N, reliability:N, reliability:0.x or ablation:N, e.g. norm:20.');
  }
  const choice = match[2]!.includes('.') ? { atLeast: limit } : { top: limit };
  return { by, choice, text: text.trim() };
}
