/** The llama3 RoPE scaling that a GGUF's `rope_freqs.weight` stands for. */
import type { Llama3Scaling } from '../../../tensor/rope.ts';
import { ropeInverseFrequencies } from '../../../tensor/rope.ts';

/** Llama 3.1 and 3.2 were trained at this length before scaling. */
const ORIGINAL_CONTEXT = 8192;
const TOLERANCE = 1e-4;

/**
 * A GGUF holds one divisor a frequency, not the parameters. They can be told: the largest divisor is `factor`, and
 * between the two bounds the share kept is linear in the turns a pair makes. Only the ratios of the two bounds to the
 * original context matter to the frequencies, so that context is taken to be 8192, as in every published Llama 3.
 *
 * @param divisors [rotaryDim / 2]
 * @returns undefined where all are 1 (no scaling); null where no llama3 scaling gives these divisors.
 */
export function llama3ScalingOf(divisors: Float32Array, theta: number): Llama3Scaling | undefined | null {
  if (!divisors.every((divisor) => divisor > 0 && divisor < Infinity)) return null;
  if (divisors.every((divisor) => Math.abs(divisor - 1) < TOLERANCE)) return undefined;
  const rotaryDim = divisors.length * 2;
  const plain = ropeInverseFrequencies({ theta, rotaryDim });
  const factor = Math.max(...divisors);
  const turns = Array.from(plain, (frequency) => (ORIGINAL_CONTEXT * frequency) / (2 * Math.PI));
  // kept share s, from 1 / divisor = (1 - s) / factor + s
  const blended = Array.from(divisors, (divisor, i) => ({
    turns: turns[i]!,
    kept: (1 / divisor - 1 / factor) / (1 - 1 / factor),
  })).filter(({ kept }) => kept > TOLERANCE && kept < 1 - TOLERANCE);
  const candidates: (readonly [number, number])[] = [[1, 4]];
  const [first, last] = [blended[0], blended.at(-1)];
  if (first && last && first !== last) {
    // kept = (turns - low) / (high - low)
    const width = (first.turns - last.turns) / (first.kept - last.kept);
    const low = last.turns - last.kept * width;
    candidates.push([low, low + width]);
  }
  for (const [lowFreqFactor, highFreqFactor] of candidates) {
    if (!(lowFreqFactor > 0 && highFreqFactor > lowFreqFactor)) continue;
    const scaling: Llama3Scaling = {
      type: 'llama3',
      factor,
      lowFreqFactor,
      highFreqFactor,
      originalContextLength: ORIGINAL_CONTEXT,
    };
    const scaled = ropeInverseFrequencies({ theta, rotaryDim, scaling });
    if (divisors.every((divisor, i) => Math.abs(plain[i]! / scaled[i]! / divisor - 1) < TOLERANCE))
      return scaling;
  }
  return null;
}
