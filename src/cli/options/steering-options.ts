import { InvalidArgumentError as BadValue, type Command, Option } from 'commander';
import type { Engine } from '../../engine/engine.ts';
import { InvalidArgumentError } from '../../errors.ts';
import type { CentroidChoice, SteeringPlan } from '../../steer/plan.ts';
import type { KeyMode, SteeringVector } from '../../vectors/vector.ts';
import { DEFAULT_OFFSET } from './defaults.ts';
import { type IndexRange, indicesOf, parseRanges } from './index-ranges.ts';
import { escapedText, number } from './parse.ts';

export interface SteeringFlags {
  readonly vector?: string;
  readonly keys?: number;
  readonly layers?: readonly IndexRange[];
  readonly heads?: readonly IndexRange[];
  readonly position?: number;
  readonly centroid?: CentroidChoice;
  readonly keyMode?: KeyMode;
  readonly force?: boolean;
  readonly offsetToken?: string;
  /** False with `--no-offset`. */
  readonly offset: boolean;
}

/** All steering flags but `--vector` and `--values`, which commands declare themselves: one takes a single value, one several. */
export function addSteeringOptions(command: Command): Command {
  return command
    .option(
      '-k, --keys <c>',
      "coefficient of the keys (default: the vector's recommendation, else 0)",
      number(),
    )
    .option(
      '--layers <list>',
      "layers to edit: 1-29, or 4,8,12, or 10- (default: the vector's recommendation, else 1-)",
      parseRanges,
    )
    .option('--heads <list>', 'KV heads to edit, e.g. 0,2 (default: all)', parseRanges)
    .option(
      '--position <n>',
      'edited position, counted from the end of the prompt (default: as extracted; 1 is the last)',
      number({ min: 1, integer: true }),
    )
    .option(
      '--offset-token <text>',
      `one token appended to the prompt, so that the prompt's own last token can be edited (default: ${JSON.stringify(DEFAULT_OFFSET)})`,
      escapedText,
    )
    .option('--no-offset', 'append nothing: edit the token before the last one of the prompt')
    .option(
      '--centroid <which>',
      'of a vector of clusters (extract --aggregate kmeans), the nearest to the prompt, all in a mix, the mean of all pairs, or one by number (default: nearest)',
      parseCentroid,
    )
    .addOption(
      new Option(
        '--key-mode <mode>',
        'for a vector file of another tool, without kvsteer metadata: how its keys were taken',
      ).choices(['unrotated', 'post-rope']),
    )
    .option('--force', 'use a vector made for other weights or another chat template, if its shape fits');
}

/** The plan of the flags, resolved against the model's size. @throws InvalidArgumentError for layers or heads outside the model. */
export function planOf(
  vector: SteeringVector,
  values: number | undefined,
  { keys, layers, heads, position, centroid }: SteeringFlags,
  { model }: Engine,
): SteeringPlan {
  return {
    vector,
    ...(values !== undefined && { values }),
    ...(keys !== undefined && { keys }),
    ...(layers !== undefined && {
      layers: indicesOf(layers, model.layers, { flag: '--layers', noun: 'layer' }),
    }),
    ...(heads !== undefined && {
      heads: indicesOf(heads, model.kvHeads, { flag: '--heads', noun: 'KV head' }),
    }),
    ...(position !== undefined && { position }),
    ...(centroid !== undefined && { centroids: centroid }),
  };
}

function parseCentroid(text: string): CentroidChoice {
  if (text === 'nearest' || text === 'mix' || text === 'mean') return text;
  if (/^\d{1,2}$/.test(text)) return Number(text);
  throw new BadValue('Expected nearest, mix, mean or the number of a centroid.');
}

/** `offset` for the library: stays away where no flag says anything, as the default depends on whether a vector is used. */
export function offsetOption({ offset, offsetToken }: SteeringFlags): { offset?: string | null } {
  if (!offset && offsetToken !== undefined) {
    throw new InvalidArgumentError('offset', 'Give --offset-token or --no-offset, not both.');
  }
  if (!offset) return { offset: null };
  return offsetToken === undefined ? {} : { offset: offsetToken };
}

/** @throws InvalidArgumentError if a flag says how to use a vector, but there is none. */
export function requireVectorFor(flags: SteeringFlags & { readonly values?: unknown }): void {
  if (flags.vector !== undefined) return;
  const needing = ['values', 'keys', 'layers', 'heads', 'position', 'centroid', 'keyMode', 'force'] as const;
  const given = needing.find((name) => flags[name] !== undefined);
  if (given === undefined) return;
  const flag = given === 'keyMode' ? 'key-mode' : given;
  throw new InvalidArgumentError(given, `--${flag} needs a vector. Give its file with --vector.`);
}
