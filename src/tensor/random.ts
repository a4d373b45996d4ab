/** Reproducible randomness. Not for secrets. */
import { InvalidArgumentError } from '../errors.ts';

/** Uniform on [0, 1), a multiple of 2^-53. */
export type Random = () => number;

/**
 * xoshiro128** 1.1 (Blackman and Vigna, https://prng.di.unimi.it/xoshiro128starstar.c), its state filled by four draws of
 * splitmix32 from the seed's low 32 bits; for seeds outside [0, 2^32) two draws from the high bits are XORed into the last
 * two words, so no two seeds share a state. A number takes two draws: the top 27 bits of the first, the top 26 of the next.
 * The same seed gives the same numbers on every platform and in every version.
 *
 * @param seed a safe integer.
 * @throws InvalidArgumentError for another seed.
 */
export function seededRandom(seed: number): Random {
  if (!Number.isSafeInteger(seed)) {
    throw new InvalidArgumentError('seed', `seed must be a safe integer, not ${seed}.`);
  }
  const low = splitmix32(seed >>> 0);
  const state: State = [low(), low(), low(), low()];
  const highBits = Math.floor(seed / 2 ** 32);
  if (highBits !== 0) {
    const high = splitmix32(highBits >>> 0);
    state[2] = (state[2] ^ high()) >>> 0;
    state[3] = (state[3] ^ high()) >>> 0;
  }
  return () => ((nextWord(state) >>> 5) * 2 ** 26 + (nextWord(state) >>> 6)) / 2 ** 53;
}

/**
 * A standard normal number (mean 0, variance 1) by Box-Muller: takes two uniform draws, keeps no state. Math.log and
 * Math.cos may differ in the last bit between JavaScript engines, and so may this.
 */
export function gaussian(random: Random): number {
  // 1 - u is in (0, 1]: the logarithm stays finite.
  const radius = Math.sqrt(-2 * Math.log(1 - random()));
  return radius * Math.cos(2 * Math.PI * random());
}

/** Four words, not all zero. */
export type State = [number, number, number, number];

/** One 32-bit word of xoshiro128**; changes `state`. */
export function nextWord(state: State): number {
  const [, s1] = state;
  const word = Math.imul(rotateLeft(Math.imul(s1, 5), 7), 9) >>> 0;
  state[2] ^= state[0];
  state[3] ^= s1;
  state[1] ^= state[2];
  state[0] ^= state[3];
  state[2] ^= s1 << 9;
  state[3] = rotateLeft(state[3], 11);
  return word;
}

function rotateLeft(word: number, by: number): number {
  return (word << by) | (word >>> (32 - by));
}

/** A Weyl sequence through a 32-bit mixer (constants of github.com/skeeto/hash-prospector): a bijection of the seed. */
function splitmix32(seed: number): () => number {
  let weyl = seed;
  return () => {
    weyl = (weyl + 0x9e3779b9) | 0;
    let word = weyl ^ (weyl >>> 16);
    word = Math.imul(word, 0x21f0aaad);
    word ^= word >>> 15;
    word = Math.imul(word, 0x735a2d97);
    return (word ^ (word >>> 15)) >>> 0;
  };
}
