/** A grid of settings as conditions of one run. */
import type { ModelInfo } from '../engine/engine.ts';
import { InvalidArgumentError } from '../errors.ts';
import type { ActivationVector } from '../evaluate/activation.ts';
import type { Condition } from '../evaluate/condition.ts';
import type { Offset } from '../pairs/offset-token.ts';
import type { LayerSelection } from '../steer/plan.ts';
import { randomVector } from '../vectors/random-vector.ts';
import type { SteeringVector } from '../vectors/vector.ts';

export interface SweepGrid {
  /** By name; the vectors of several numbers of pairs, turns or aggregations come from `sweepVectors`. Default none. */
  readonly vectors?: Readonly<Record<string, SteeringVector>>;
  /** c_v. Default: each vector's recommendation, else 1. */
  readonly values?: readonly number[];
  /** c_k. Default: each vector's recommendation, else 0. */
  readonly keys?: readonly number[];
  /** Default: each vector's recommendation, else from 1 on. */
  readonly layers?: readonly LayerSelection[];
  /** Lists of KV heads. Default: all heads. */
  readonly heads?: readonly (readonly number[])[];
  /** From the end of the cache. Default: where each vector was extracted. */
  readonly positions?: readonly number[];
  /** Activation steering beside it: every layer with every strength. */
  readonly activation?: {
    readonly vector: ActivationVector;
    readonly layers: readonly number[];
    readonly strengths: readonly number[];
    /** Default `every`, as CAA does. */
    readonly tokens?: 'every' | 'last';
  };
  /** Seeds of random vectors of the same norms: each takes every setting of the first vector. Default none. */
  readonly controls?: readonly number[];
  /** Appended to the question in one condition more, `prompt`: the prompt baseline. Default none. */
  readonly prompt?: string;
  /** Of all conditions, so that the edit is the only difference. Default `"\n"`; null: none. */
  readonly offset?: Offset;
}

/** Larger grids are sent in parts. */
const MOST_SETTINGS = 1024;

/**
 * `plain`, then the grid's settings, named by what differs between them: `c_v 2, layers 4-8`.
 *
 * @throws InvalidArgumentError for a grid without settings, with a value twice, or with more than 1,024 settings.
 */
export function gridConditions(
  grid: SweepGrid,
  { layers }: Pick<ModelInfo, 'layers'>,
): Record<string, Condition> {
  const { vectors = {}, activation, controls = [], prompt, offset } = grid;
  const asked = offset === undefined ? {} : { offset };
  const conditions: Record<string, Condition> = { plain: asked };
  const add = (name: string, condition: Condition) => {
    if (Object.hasOwn(conditions, name)) {
      throw new InvalidArgumentError('grid', `The grid holds ${JSON.stringify(name)} twice: say each once.`);
    }
    conditions[name] = { ...asked, ...condition };
    if (Object.keys(conditions).length > MOST_SETTINGS) {
      throw new InvalidArgumentError(
        'grid',
        `The grid holds more than ${MOST_SETTINGS} settings. Sweep a part at a time.`,
      );
    }
  };
  if (prompt !== undefined) add('prompt', { suffix: prompt });

  const names = Object.keys(vectors);
  const edit = (vector: SteeringVector, what: string) => {
    for (const setting of settings(grid)) {
      const { words, ...plan } = setting(layers);
      const name = [what, ...words].filter((word) => word !== '').join(', ');
      add(name === '' ? 'steered' : name, { plan: { vector, ...plan } });
    }
  };
  for (const name of names) edit(vectors[name]!, names.length > 1 ? name : '');
  const [first] = names;
  if (first !== undefined) {
    for (const seed of controls) edit(randomVector(vectors[first]!, seed), `random ${seed}`);
  }
  if (activation !== undefined) {
    const { vector, layers: at, strengths, tokens = 'every' } = activation;
    for (const layer of at) {
      for (const strength of strengths) {
        add(`activation, layer ${layer}, strength ${strength}`, {
          activation: { vector, layer, strength, tokens },
        });
      }
    }
  }
  if (Object.keys(conditions).length === 1) {
    throw new InvalidArgumentError('grid', 'The grid is empty: give a vector, or activation steering.');
  }
  return conditions;
}

interface Setting {
  readonly words: readonly string[];
  readonly values?: number;
  readonly keys?: number;
  readonly layers?: LayerSelection;
  readonly heads?: readonly number[];
  readonly position?: number;
}

/** Every combination; the value coefficient runs fastest. Words need to know how many layers there are. */
function settings({
  positions = [],
  heads = [],
  layers = [],
  keys = [],
  values = [],
}: SweepGrid): ((count: number) => Setting)[] {
  const axis = <T>(list: readonly T[]): readonly (T | undefined)[] =>
    list.length === 0 ? [undefined] : list;
  const all: ((count: number) => Setting)[] = [];
  for (const position of axis(positions)) {
    for (const heads_ of axis(heads)) {
      for (const layers_ of axis(layers)) {
        for (const key of axis(keys)) {
          for (const value of axis(values)) {
            all.push((count) => ({
              words: [
                value === undefined ? '' : `c_v ${value}`,
                key === undefined ? '' : `c_k ${key}`,
                layers_ === undefined ? '' : layersWord(layers_, count),
                heads_ === undefined ? '' : `head${heads_.length === 1 ? '' : 's'} ${heads_.join(' ')}`,
                position === undefined ? '' : `position ${position}`,
              ],
              ...(value !== undefined && { values: value }),
              ...(key !== undefined && { keys: key }),
              ...(layers_ !== undefined && { layers: layers_ }),
              ...(heads_ !== undefined && { heads: heads_ }),
              ...(position !== undefined && { position }),
            }));
          }
        }
      }
    }
  }
  return all;
}

function layersWord(selection: LayerSelection, count: number): string {
  if (!('from' in selection)) {
    return `layer${selection.length === 1 ? '' : 's'} ${selection.join(' ')}`;
  }
  const { from, to = count - 1 } = selection;
  return from === to ? `layer ${from}` : `layers ${from}-${to}`;
}
