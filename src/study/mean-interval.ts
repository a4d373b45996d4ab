import { InvalidArgumentError } from '../errors.ts';
import { seededRandom } from '../tensor/random.ts';

/** A mean with its 95 % interval. */
export interface MeanInterval {
  readonly mean: number;
  readonly interval: readonly [low: number, high: number];
}

const resamples = 2000;

/**
 * Mean of one number a question, with a percentile bootstrap interval over questions (Efron 1979; 2,000 resamples, the
 * same each time). It says what other questions would give, not what other pairs or other random draws would.
 *
 * @throws InvalidArgumentError for no numbers.
 */
export function meanInterval(values: readonly number[]): MeanInterval {
  const n = values.length;
  if (n === 0) throw new InvalidArgumentError('values', 'A mean needs at least one number, found none.');
  const random = seededRandom(0);
  const means = Float64Array.from({ length: resamples }, () => {
    let sum = 0;
    for (let i = 0; i < n; i++) sum += values[Math.floor(random() * n)]!;
    return sum / n;
  }).sort();
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  return {
    mean,
    interval: [means[Math.round(0.025 * (resamples - 1))]!, means[Math.round(0.975 * (resamples - 1))]!],
  };
}
