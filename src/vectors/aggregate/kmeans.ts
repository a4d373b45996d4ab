/**
 * Clusters of pairs, a vector each (the variant of arXiv 2507.08799's reference code). Pairs are clustered by their value
 * differences in the layers from 1 on: values do the work, and post-RoPE keys would sort the pairs by length. Lloyd's
 * algorithm from k-means++ guesses, the best of four.
 *
 * At use the prompt's own clean cached values are compared with the mean values of each cluster's *negative* prompts: both
 * are states of a prompt before steering, at the token that is edited (`steer/choose-centroid.ts`).
 */
import { kmeans } from 'ml-kmeans';
import { InvalidArgumentError } from '../../errors.ts';
import { Moments } from '../../tensor/moments.ts';
import type { Parts, SideState } from '../accumulator.ts';
import { firstSteeredLayer } from '../statistics.ts';
import type { Centroid } from '../vector.ts';
import type { Aggregator, AggregatorContext } from './aggregator.ts';
import { DifferenceStore } from './difference-store.ts';

const RESTARTS = 4;

export class KMeansAggregator implements Aggregator {
  readonly #store: DifferenceStore;
  /** [L, H, D] of each pair. */
  readonly #states: Float32Array[] = [];
  readonly #layers: number;
  readonly #clusters: number;
  readonly #seed: number;

  constructor(context: AggregatorContext, clusters: number, seed: number) {
    // Beside a pair's keys and values its state is held, and numbers of 8 bytes while the clusters are sought.
    this.#store = new DifferenceStore({ ...context, maxBytes: (context.maxBytes * 2) / 5 });
    this.#layers = context.shape.layers;
    this.#clusters = clusters;
    this.#seed = seed;
  }

  add(positive: SideState, negative: SideState): void {
    this.#store.add(positive, negative);
    this.#states.push(negative.values.slice());
  }

  result(mean: Parts): Parts & { readonly centroids: readonly Centroid[] } {
    const { pairs } = this.#store;
    const from = (firstSteeredLayer(this.#layers) * mean.values.length) / this.#layers;
    const members = clusterRows(
      pairs.map(({ values }) => Array.from(values.subarray(from))),
      this.#clusters,
      this.#seed,
    );
    const centroids = members.map((indices) => ({
      keys: meanOf(indices.map((i) => pairs[i]!.keys)),
      values: meanOf(indices.map((i) => pairs[i]!.values)),
      state: meanOf(indices.map((i) => this.#states[i]!)),
      pairs: indices.length,
    }));
    return { ...mean, centroids };
  }
}

/** Indices of the rows in each cluster; larger clusters first, none empty. @throws InvalidArgumentError */
function clusterRows(rows: number[][], clusters: number, seed: number): number[][] {
  if (clusters === 1) return [rows.map((_, i) => i)];
  const distinct = new Set(rows.map((row) => row.join())).size;
  if (distinct < clusters) {
    throw new InvalidArgumentError(
      'clusters',
      `${clusters} clusters need as many pairs that differ, found ${distinct}. Ask for fewer clusters, or give more pairs.`,
    );
  }
  let best: { readonly spread: number; readonly assigned: number[] } | null = null;
  for (let restart = 0; restart < RESTARTS; restart++) {
    const found = kmeans(rows, clusters, { seed: seed + restart });
    const spread = rows.reduce(
      (sum, row, i) => sum + squaredDistance(row, found.centroids[found.clusters[i]!]!),
      0,
    );
    if (best === null || spread < best.spread) best = { spread, assigned: found.clusters };
  }
  const members = Array.from({ length: clusters }, (): number[] => []);
  for (const [row, cluster] of best!.assigned.entries()) members[cluster]!.push(row);
  return members.filter((list) => list.length > 0).sort((a, b) => b.length - a.length || a[0]! - b[0]!);
}

function squaredDistance(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, value, i) => sum + (value - b[i]!) ** 2, 0);
}

function meanOf(rows: readonly Float32Array[]): Float32Array {
  const moments = new Moments(rows[0]!.length);
  for (const row of rows) moments.add(row);
  return moments.mean();
}
