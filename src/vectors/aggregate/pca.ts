/**
 * Each layer's principal direction of the pairs. With d_i the differences of one layer (H x D numbers, keys and values
 * apart), both sides of a pair lie at +-d_i / 2 from its midpoint; the first principal component u of all these points is
 * that of the d_i *without* taking their mean off, which would take off what is looked for.
 *
 * The vector is u (u . m), m the mean of the d_i: its sign and length are those of the mean's projection, so they come
 * from the data, and coefficients keep their meaning. Where pairs disagree it is shorter than the mean.
 */
import { PCA } from 'ml-pca';
import type { Parts, SideState } from '../accumulator.ts';
import type { Aggregator, AggregatorContext } from './aggregator.ts';
import { DifferenceStore } from './difference-store.ts';

export class PcaAggregator implements Aggregator {
  readonly #store: DifferenceStore;
  readonly #layers: number;

  constructor(context: AggregatorContext) {
    this.#store = new DifferenceStore(context);
    this.#layers = context.shape.layers;
  }

  add(positive: SideState, negative: SideState): void {
    this.#store.add(positive, negative);
  }

  result(mean: Parts): Parts {
    const of = (part: 'keys' | 'values') => {
      const size = mean[part].length / this.#layers;
      const projected = new Float32Array(mean[part].length);
      for (let layer = 0; layer < this.#layers; layer++) {
        const at = (tensor: Float32Array) => tensor.subarray(layer * size, (layer + 1) * size);
        projected.set(
          projectedOnPrincipal(
            this.#store.pairs.map((pair) => at(pair[part])),
            at(mean[part]),
          ),
          layer * size,
        );
      }
      return projected;
    };
    return { keys: of('keys'), values: of('values') };
  }
}

/** @param rows the d_i @param mean m @returns u (u . m) */
function projectedOnPrincipal(rows: readonly Float32Array[], mean: Float32Array): Float32Array {
  const direction = principalDirection(rows);
  if (direction === null) return mean.slice();
  const along = direction.reduce((sum, value, i) => sum + value * mean[i]!, 0);
  return Float32Array.from(direction, (value) => value * along);
}

/** A unit vector of either sign, or null where all rows are zero. */
function principalDirection(rows: readonly Float32Array[]): number[] | null {
  const width = rows[0]!.length;
  const squares = new Float64Array(width);
  for (const row of rows) for (let i = 0; i < width; i++) squares[i]! += row[i]! ** 2;
  const total = squares.reduce((sum, square) => sum + square, 0);
  if (total === 0) return null;
  // NIPALS starts from the first column and stops at an absolute change: so the column that holds most comes first, and
  // the rows have the mean square 1.
  const first = squares.indexOf(Math.max(...squares));
  const scale = Math.sqrt(rows.length / total);
  const swapped = (row: ArrayLike<number>) => {
    const list = Array.from(row);
    [list[0], list[first]] = [list[first]!, list[0]!];
    return list;
  };
  const pca = new PCA(
    rows.map((row) => swapped(row.map((value) => value * scale))),
    { method: 'NIPALS', nCompNIPALS: 1, center: false },
  );
  return swapped(pca.getLoadings().getRow(0));
}
