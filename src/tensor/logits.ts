/** What one row of logits [V] is asked for. Sums run in float64. */
import { InvalidArgumentError } from '../errors.ts';

/**
 * Index of the greatest element, the lowest one on a tie. NaN never wins.
 *
 * @throws InvalidArgumentError if there is no number in `values`.
 */
export function argmax(values: Float32Array): number {
  let best = -1;
  let greatest = Number.NaN;
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (value > greatest || (best < 0 && !Number.isNaN(value))) {
      best = i;
      greatest = value;
    }
  }
  if (best < 0) {
    throw new InvalidArgumentError(
      'values',
      `Expected at least one number in ${values.length} values, found none.`,
    );
  }
  return best;
}

/** log(sum(exp(values))) without overflow; -Infinity for none; NaN where one of them is. `values[i]` minus this is a log-probability. */
export function logSumExp(values: Float32Array): number {
  let greatest = Number.NEGATIVE_INFINITY;
  // Math.max carries NaN along.
  for (let i = 0; i < values.length; i++) greatest = Math.max(greatest, values[i]!);
  if (!Number.isFinite(greatest)) return greatest;
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += Math.exp(values[i]! - greatest);
  return greatest + Math.log(sum);
}

/**
 * Logits to probabilities, in place: exp(x / temperature), normalised. -Infinity gets probability 0.
 *
 * @param temperature finite, > 0; default 1. Greedy choice is {@link argmax}, not a temperature of 0.
 * @returns `logits`.
 * @throws InvalidArgumentError for another temperature, no logits, NaN, +Infinity, or nothing but -Infinity; `logits` is
 * then unchanged.
 */
export function softmax(logits: Float32Array, temperature = 1): Float32Array {
  if (!Number.isFinite(temperature) || temperature <= 0) {
    throw new InvalidArgumentError(
      'temperature',
      `temperature must be a finite number > 0, not ${temperature}.`,
    );
  }
  let greatest = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < logits.length; i++) greatest = Math.max(greatest, logits[i]!);
  if (!Number.isFinite(greatest)) {
    throw new InvalidArgumentError(
      'logits',
      `Expected finite logits (some may be -Infinity), but the greatest of ${logits.length} is ${greatest}.`,
    );
  }
  let sum = 0;
  for (let i = 0; i < logits.length; i++) sum += Math.exp((logits[i]! - greatest) / temperature);
  for (let i = 0; i < logits.length; i++) logits[i] = Math.exp((logits[i]! - greatest) / temperature) / sum;
  return logits;
}
