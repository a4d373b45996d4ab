import { InvalidArgumentError } from '../../errors.ts';

/**
 * McNemar's exact test, two-sided: of the questions on which two conditions differ, is the split further from even
 * than chance makes it? min(1, 2 P(X <= min(gained, lost))) with X binomial(gained + lost, 1/2).
 *
 * @param gained questions that only the condition has right. @param lost only the baseline.
 * @throws InvalidArgumentError for counts that are not integers from 0 up.
 */
export function mcnemarExact(gained: number, lost: number): number {
  for (const [name, count] of Object.entries({ gained, lost })) {
    if (Number.isSafeInteger(count) && count >= 0) continue;
    throw new InvalidArgumentError(name, `Expected ${name} to be an integer from 0 up, not ${count}.`);
  }
  const n = gained + lost;
  // In logarithms: 2^-n leaves float64 from n = 1,075 on.
  let logTerm = -n * Math.LN2;
  let tail = Math.exp(logTerm);
  for (let k = 1; k <= Math.min(gained, lost); k++) {
    logTerm += Math.log((n - k + 1) / k);
    tail += Math.exp(logTerm);
  }
  return Math.min(1, 2 * tail);
}
