/**
 * Vectors as values that add up. Every operation gives a new vector; none changes its operands. Where an operand has
 * centroids, its mean vector counts. The result has no pairs and no statistics, and a recommendation only where the
 * operands have the same one.
 */
import { InvalidArgumentError, ModelMismatchError } from '../errors.ts';
import { dot } from '../tensor/maths.ts';
import type { RopeConfig } from '../tensor/rope.ts';
import { makeVector, type SteeringVector } from './vector.ts';
import { shapeText } from './vector-fits.ts';

/** a + b. @throws ModelMismatchError unless both were made alike; InvalidArgumentError past float32. */
export function addVectors(a: SteeringVector, b: SteeringVector): SteeringVector {
  return weighted(a, 1, b, 1);
}

/** a - b. @throws as {@link addVectors}. */
export function subtractVectors(a: SteeringVector, b: SteeringVector): SteeringVector {
  return weighted(a, 1, b, -1);
}

/** (1 - t) a + t b; any finite t. @throws as {@link addVectors}. */
export function interpolateVectors(a: SteeringVector, b: SteeringVector, t: number): SteeringVector {
  return weighted(a, 1 - t, b, t);
}

/** factor * a. @throws InvalidArgumentError for a factor that is not finite, or a result past float32. */
export function scaleVector(a: SteeringVector, factor: number): SteeringVector {
  if (!Number.isFinite(factor)) {
    throw new InvalidArgumentError('factor', `The factor must be a finite number, not ${factor}.`);
  }
  const scaled = (tensor: Float32Array) => tensor.map((value) => value * factor);
  return combined([a], scaled(a.keys), scaled(a.values));
}

/** -a. */
export function negateVector(a: SteeringVector): SteeringVector {
  return scaleVector(a, -1);
}

/**
 * What is left of a without its component along b: in each layer, over its H x D numbers, keys and values apart. Where b
 * is zero, a stays.
 *
 * @throws ModelMismatchError unless both were made alike.
 */
export function projectOut(a: SteeringVector, b: SteeringVector): SteeringVector {
  requireAlike(a, b);
  const { layers } = a.model;
  const without = (from: Float32Array, direction: Float32Array) => {
    const left = from.slice();
    const size = left.length / layers;
    for (let at = 0; at < left.length; at += size) {
      const along = direction.subarray(at, at + size);
      const square = dot(along, along);
      if (square === 0) continue;
      const share = dot(left.subarray(at, at + size), along) / square;
      for (let i = 0; i < size; i++) left[at + i]! -= share * along[i]!;
    }
    return left;
  };
  return combined([a, b], without(a.keys, b.keys), without(a.values, b.values));
}

function weighted(a: SteeringVector, s: number, b: SteeringVector, t: number): SteeringVector {
  if (!Number.isFinite(s) || !Number.isFinite(t)) {
    throw new InvalidArgumentError('t', `The weights must be finite numbers, not ${s} and ${t}.`);
  }
  requireAlike(a, b);
  const sum = (x: Float32Array, y: Float32Array) => x.map((value, i) => s * value + t * y[i]!);
  return combined([a, b], sum(a.keys, b.keys), sum(a.values, b.values));
}

function combined(
  operands: readonly SteeringVector[],
  keys: Float32Array,
  values: Float32Array,
): SteeringVector {
  const [{ keyMode, model, extraction, recommended }] = operands as [SteeringVector];
  const licences = new Set(operands.map(({ licence }) => licence));
  const kept = operands.map(({ keptHeads }) => keptHeads);
  const same = operands.every((o) => JSON.stringify(o.recommended) === JSON.stringify(recommended));
  const recipes = operands.map(({ recipe }) => recipe ?? 'a vector without recipe');
  return makeVector({
    keys,
    values,
    ...{ keyMode, model, extraction },
    aggregation: 'combined',
    ...(same && { recommended }),
    recipe: `combined of: ${recipes.join('; ')}`.slice(0, 4096),
    licence: licences.size === 1 ? operands[0]!.licence : null,
    keptHeads: kept.includes(null)
      ? null
      : Array.from({ length: model.layers }, (_, layer) =>
          [...new Set(kept.flatMap((heads) => heads![layer]!))].sort((x, y) => x - y),
        ),
  });
}

/** @throws ModelMismatchError naming both sides. */
function requireAlike(a: SteeringVector, b: SteeringVector): void {
  const names = `The vectors were made for ${a.model.name} and ${b.model.name}`;
  const compare = (what: string, of: (vector: SteeringVector) => string) => {
    const [one, other] = [of(a), of(b)];
    if (one === other) return;
    throw new ModelMismatchError(
      `${names}, with different ${what}: ${one} and ${other}. Combine vectors that were extracted alike, with one model.`,
      one,
      other,
    );
  };
  const rope = ({ theta, rotaryDim, scaling }: RopeConfig) =>
    JSON.stringify([theta, rotaryDim, scaling ?? null]);
  compare('shapes', ({ model }) => shapeText(model));
  compare('weights', ({ model }) => model.fingerprint);
  compare('RoPE', ({ model }) => rope(model.rope));
  compare('chat templates', ({ model }) => model.chatTemplateHash ?? 'none');
  compare('key modes', ({ keyMode }) => keyMode);
  compare(
    'extraction positions',
    ({ extraction }) => `${extraction.position}, offset token ${extraction.offsetToken ?? 'none'}`,
  );
}
