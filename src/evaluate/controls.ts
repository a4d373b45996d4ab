/** Vectors that should do nothing, if it is the content that acts. */
import type { ContrastivePair } from '../pairs/pair.ts';
import { norm } from '../tensor/maths.ts';
import { seededRandom } from '../tensor/random.ts';
import { makeVector, type SteeringVector } from '../vectors/vector.ts';

/**
 * Pairs with shuffled labels: half of them, drawn by the seed, have their sides swapped, so what the sides differ in
 * cancels and what single pairs differ in stays. With an odd count one more is left than swapped.
 *
 * @param seed a safe integer.
 */
export function shuffleLabels(pairs: readonly ContrastivePair[], seed: number): ContrastivePair[] {
  const random = seededRandom(seed);
  const order = pairs.map((_, i) => i);
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  const swapped = new Set(order.slice(0, Math.floor(pairs.length / 2)));
  return pairs.map((pair, i) =>
    swapped.has(i) ? { ...pair, positive: pair.negative, negative: pair.positive } : pair,
  );
}

/**
 * A control brought to the norms of `vector`, layer by layer, keys and values each: the mean of shuffled pairs is shorter,
 * and a short vector does little whatever it holds. A layer that is all zeros stays so.
 */
export function withNormsOf(control: SteeringVector, vector: SteeringVector): SteeringVector {
  const scaled = (part: 'keys' | 'values'): Float32Array => {
    const out = control[part].slice();
    const size = out.length / vector.model.layers;
    for (let at = 0; at < out.length; at += size) {
      const layer = out.subarray(at, at + size);
      const length = norm(layer);
      if (length === 0) continue;
      const scale = norm(vector[part].subarray(at, at + size)) / length;
      for (let i = 0; i < size; i++) layer[i] = layer[i]! * scale;
    }
    return out;
  };
  return makeVector({
    ...control,
    keys: scaled('keys'),
    values: scaled('values'),
    recommended: vector.recommended,
    statistics: null,
  });
}
