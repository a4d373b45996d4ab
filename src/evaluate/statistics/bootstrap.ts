import { InvalidArgumentError } from '../../errors.ts';
import { seededRandom } from '../../tensor/random.ts';
import type { Interval } from './wilson.ts';

const RESAMPLES = 10_000;

/**
 * The percentile bootstrap interval of a mean, 95 % (Efron 1979): questions are drawn with replacement, each with
 * all that was measured on it, so a difference between two conditions stays paired.
 *
 * @param values one a question, at least one. @param seed a safe integer. @param resamples default 10,000.
 * @throws InvalidArgumentError for no values or another seed.
 */
export function bootstrapMean(
  values: readonly number[],
  seed: number,
  resamples: number = RESAMPLES,
): Interval {
  if (values.length === 0) throw new InvalidArgumentError('values', 'Expected at least one value.');
  const random = seededRandom(seed);
  const n = values.length;
  const drawn = Float64Array.from(values);
  const means = new Float64Array(resamples);
  for (let r = 0; r < resamples; r++) {
    let sum = 0;
    for (let i = 0; i < n; i++) sum += drawn[Math.floor(random() * n)]!;
    means[r] = sum / n;
  }
  means.sort();
  return [quantile(means, 0.025), quantile(means, 0.975)];
}

/** Linear between neighbours, as NumPy's default. @param sorted ascending, not empty. */
export function quantile(sorted: ArrayLike<number>, share: number): number {
  const at = share * (sorted.length - 1);
  const [low, high] = [sorted[Math.floor(at)]!, sorted[Math.ceil(at)]!];
  return low + (high - low) * (at - Math.floor(at));
}
