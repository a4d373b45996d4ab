import { InvalidArgumentError } from '../../errors.ts';

/** [low, high], both in [0, 1]. */
export type Interval = readonly [low: number, high: number];

/** 97.5 % quantile of the standard normal: two sides of 95 %. */
const Z_95 = 1.959963984540054;

/**
 * The Wilson score interval, without continuity correction, of a share: unlike p +- z se it stays inside [0, 1] and
 * keeps its coverage at shares near 0 and 1 (Wilson 1927; Newcombe 1998, Statistics in Medicine 17:857, method 3).
 *
 * @param successes an integer from 0 to n. @param n an integer >= 1. @param z default: 95 %.
 * @throws InvalidArgumentError for other counts.
 */
export function wilsonInterval(successes: number, n: number, z: number = Z_95): Interval {
  if (!Number.isSafeInteger(n) || n < 1) {
    throw new InvalidArgumentError('n', `Expected n to be an integer from 1 up, not ${n}.`);
  }
  if (!Number.isSafeInteger(successes) || successes < 0 || successes > n) {
    throw new InvalidArgumentError(
      'successes',
      `Expected successes to be an integer from 0 to ${n}, not ${successes}.`,
    );
  }
  const share = successes / n;
  const middle = share + z ** 2 / (2 * n);
  const half = z * Math.sqrt((share * (1 - share)) / n + z ** 2 / (4 * n ** 2));
  const scale = 1 + z ** 2 / n;
  // Rounding must not leave the ends of the scale, nor stop just short of them.
  return [
    successes === 0 ? 0 : Math.max(0, (middle - half) / scale),
    successes === n ? 1 : Math.min(1, (middle + half) / scale),
  ];
}
