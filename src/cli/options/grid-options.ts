/** Flags that name several settings of one thing: the axes of a sweep. */
import { InvalidArgumentError as BadValue, type Command, Option } from 'commander';
import { InvalidArgumentError } from '../../errors.ts';
import { defaultStyles } from '../../pairs/item.ts';
import type { LayerSelection } from '../../steer/plan.ts';
import type { PairAggregation } from '../../vectors/aggregate/aggregator.ts';
import type { KeyMode } from '../../vectors/vector.ts';
import { type IndexRange, indicesOf, parseRanges } from './index-ranges.ts';
import { DEFAULT_PAIRS } from './pair-options.ts';
import { escapedText, number } from './parse.ts';

export interface GridFlags {
  readonly values?: readonly number[];
  readonly keys?: readonly number[];
  readonly layers?: readonly (readonly IndexRange[])[];
  readonly heads?: readonly (readonly IndexRange[])[];
  readonly positions?: readonly number[];
  readonly activationLayers?: readonly IndexRange[];
  readonly strengths?: readonly number[];
  readonly controls: number;
  readonly prompt?: string;
}

export interface VectorGridFlags {
  readonly vector?: readonly string[];
  readonly data?: string;
  readonly style?: string;
  readonly against?: string;
  readonly pairsCount?: readonly number[];
  readonly turns?: readonly number[];
  readonly aggregations?: readonly PairAggregation[];
  readonly keyModes?: readonly KeyMode[];
}

const MOST = 64;

function list<T>(parse: (text: string) => T, separator = ','): (text: string) => T[] {
  return (text) => {
    const parts = text.split(separator).map((part) => part.trim());
    if (parts.length > MOST) throw new BadValue(`Expected at most ${MOST} settings.`);
    if (new Set(parts).size < parts.length) throw new BadValue('A setting is there twice.');
    return parts.map(parse);
  };
}

function oneOf<T extends string>(choices: readonly T[]): (text: string) => T {
  return (text) => {
    const found = choices.find((choice) => choice === text);
    if (found === undefined) throw new BadValue(`Allowed: ${choices.join(', ')}.`);
    return found;
  };
}

const whole = list(number({ min: 1, max: 100_000, integer: true }));

export function addVectorGridOptions(command: Command): Command {
  return command
    .optionsGroup('Vectors:')
    .option(
      '-v, --vector <file>',
      'steering vector; give it again for several',
      (file: string, before: readonly string[] | undefined) => [...(before ?? []), file],
    )
    .option(
      '-d, --data <source>',
      'or make them from worked questions, as `kvsteer extract` does: "steps": 16 that come with kvsteer; gsm8k:train, a file, a hub id',
    )
    .option(
      '--style <name>',
      `with --data: style of the positive examples (default: ${defaultStyles.positive})`,
    )
    .option(
      '--against <name>',
      `with --data: style of the negative examples (default: ${defaultStyles.negative})`,
    )
    .option(
      '--pairs-count <list>',
      `with --data: numbers of pairs, e.g. 4,16,64 (default: ${DEFAULT_PAIRS}, or all of fewer)`,
      whole,
    )
    .option('--turns <list>', 'with --data: numbers of example turns, e.g. 1,2,3 (default: 2)', whole)
    .option(
      '--aggregations <list>',
      'with --data: mean, median, pca, whitened, kmeans (default: mean)',
      list(oneOf<PairAggregation>(['mean', 'median', 'pca', 'whitened', 'kmeans'])),
    )
    .option(
      '--key-modes <list>',
      'with --data: unrotated, post-rope (default: unrotated)',
      list(oneOf<KeyMode>(['unrotated', 'post-rope'])),
    );
}

export function addGridOptions(command: Command): Command {
  return command
    .optionsGroup('Grid (every combination is a condition):')
    .option(
      '-c, --values <list>',
      "c_v, e.g. -2,1,2,4 (default: the vector's recommendation, else 1)",
      list(number()),
    )
    .option(
      '-k, --keys <list>',
      "c_k, e.g. 0,0.2 (default: the vector's recommendation, else 0)",
      list(number()),
    )
    .option(
      '--layers <list>',
      "sets of layers with ; between: '1-;1-10;11-20' (default: the vector's recommendation, else 1-)",
      list(parseRanges, ';'),
    )
    .option(
      '--heads <list>',
      "sets of KV heads with ; between: '0;1;0,1' (default: all)",
      list(parseRanges, ';'),
    )
    .option('--positions <list>', 'edited positions from the end, e.g. 1,2 (default: as extracted)', whole)
    .optionsGroup('Beside it:')
    .option(
      '--activation-layers <list>',
      'activation steering at these layers, e.g. 2-4 (needs --data)',
      parseRanges,
    )
    .option('--strengths <list>', 'with strengths, e.g. 0.5,1,2', list(number()))
    .addOption(
      new Option('--controls <n>', 'random vectors of the same norms, each through the whole grid')
        .argParser(number({ min: 0, max: 16, integer: true }))
        .default(1),
    )
    .option(
      '--prompt <text>',
      'a condition that appends this to the question instead of editing, e.g. " Let\'s think step by step."',
      escapedText,
    );
}

/** Sets of layers and heads as the library takes them. @throws InvalidArgumentError for one outside the model. */
export function gridOf(flags: GridFlags, model: { readonly layers: number; readonly kvHeads: number }) {
  const { values, keys, positions, controls, prompt } = flags;
  const layers = flags.layers?.map((ranges): LayerSelection => {
    const [only] = ranges;
    const found = indicesOf(ranges, model.layers, { flag: '--layers', noun: 'layer' });
    return ranges.length === 1 && only !== undefined ? { from: found[0]!, to: found.at(-1)! } : found;
  });
  const heads = flags.heads?.map((ranges) =>
    indicesOf(ranges, model.kvHeads, { flag: '--heads', noun: 'KV head' }),
  );
  return {
    ...(values !== undefined && { values }),
    ...(keys !== undefined && { keys }),
    ...(layers !== undefined && { layers }),
    ...(heads !== undefined && { heads }),
    ...(positions !== undefined && { positions }),
    ...(prompt !== undefined && { prompt }),
    controls: Array.from({ length: controls }, (_, seed) => seed + 1),
  };
}

/** @throws InvalidArgumentError for flags that need another one. */
export function requireGrid(flags: GridFlags & VectorGridFlags): void {
  const { vector, data, activationLayers, strengths } = flags;
  const refuse = (argument: string, message: string) => {
    throw new InvalidArgumentError(argument, message);
  };
  if ((vector === undefined) === (data === undefined)) {
    refuse('vector', 'Give vectors with --vector, or --data to make them from: one of the two.');
  }
  for (const name of ['style', 'against', 'pairsCount', 'turns', 'aggregations', 'keyModes'] as const) {
    if (data === undefined && flags[name] !== undefined) {
      refuse(
        name,
        `--${name.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)} is about making vectors: it needs --data.`,
      );
    }
  }
  if ((activationLayers === undefined) !== (strengths === undefined)) {
    refuse('strengths', '--activation-layers and --strengths go together.');
  }
  if (activationLayers !== undefined && data === undefined) {
    refuse('activationLayers', 'Activation steering takes its vector from pairs: give --data.');
  }
}
