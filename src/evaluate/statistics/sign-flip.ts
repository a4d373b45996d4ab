import { InvalidArgumentError } from '../../errors.ts';
import { seededRandom } from '../../tensor/random.ts';

const FLIPS = 10_000;
/** Up to 2^12 patterns are tried one by one. */
const EXACT_UP_TO = 12;

/**
 * The paired permutation test of a mean difference of zero, two-sided: how often do the differences, each with its
 * sign flipped at random, come out as far from zero? Exact for up to 12 differences that are not zero; else by 10,000 seeded
 * draws, the observed one counted among them, so p is never 0 (Phipson and Smyth 2010). For differences of -1, 0 and 1 it is
 * McNemar's exact test.
 *
 * @throws InvalidArgumentError for a seed that is not a safe integer.
 */
export function signFlip(differences: readonly number[], seed: number): number {
  const kept = differences.filter((difference) => difference !== 0);
  if (differences.some(Number.isNaN)) {
    throw new InvalidArgumentError('differences', 'Expected numbers, found NaN.');
  }
  const observed = Math.abs(kept.reduce((sum, x) => sum + x, 0));
  // Sums of the same numbers in another order differ in the last bits.
  const asFar = (sum: number) => Math.abs(sum) >= observed - 1e-9;
  let far = 0;
  if (kept.length <= EXACT_UP_TO) {
    const patterns = 2 ** kept.length;
    for (let pattern = 0; pattern < patterns; pattern++) {
      if (asFar(kept.reduce((sum, x, i) => sum + ((pattern >> i) & 1 ? -x : x), 0))) far++;
    }
    return far / patterns;
  }
  const random = seededRandom(seed);
  for (let flip = 0; flip < FLIPS; flip++) {
    let sum = 0;
    for (const x of kept) sum += random() < 0.5 ? x : -x;
    if (asFar(sum)) far++;
  }
  return (far + 1) / (FLIPS + 1);
}
