import { norm } from '../tensor/maths.ts';
import { gaussian, type Random, seededRandom } from '../tensor/random.ts';
import { makeVector, type SteeringVector } from './vector.ts';

/**
 * The control that every claim needs: Gaussian keys and values with the norms of `vector`, layer by layer, and no
 * content.
 *
 * @param seed a safe integer.
 * @throws InvalidArgumentError for another seed.
 */
export function randomVector(vector: SteeringVector, seed: number): SteeringVector {
  const random = seededRandom(seed);
  const like = (tensor: Float32Array) => randomLike(tensor, vector.model.layers, random);
  return makeVector({
    ...vector,
    keys: like(vector.keys),
    values: like(vector.values),
    aggregation: 'random',
    centroids: null,
    statistics: null,
    recipe: `random control, seed ${seed}, with the norm of each layer of: ${vector.recipe ?? 'a vector without recipe'}`,
  });
}

/** Zeros, as of pruned heads, stay zeros. @param tensor [L, H, D] */
function randomLike(tensor: Float32Array, layers: number, random: Random): Float32Array {
  const drawn = tensor.map((value) => {
    const number = gaussian(random);
    return value === 0 ? 0 : number;
  });
  const size = tensor.length / layers;
  for (let at = 0; at < tensor.length; at += size) {
    const layer = drawn.subarray(at, at + size);
    const scale = norm(tensor.subarray(at, at + size)) / (norm(layer) || 1);
    for (let i = 0; i < size; i++) layer[i] = layer[i]! * scale;
  }
  return drawn;
}
