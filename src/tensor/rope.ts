/**
 * Rotary position embedding (Su et al., arXiv 2104.09864). A head's leading `rotaryDim` dims are pairs; the pair i of a
 * vector at position p is turned by the angle p * frequency[i]. Here pairs lie in half-split layout: dim i goes with dim
 * i + rotaryDim / 2 (`rope-layout.ts` converts interleaved ones). Dims past `rotaryDim` never change.
 * D head size, T positions. Angles are float64: at position 100,000 a float32 angle is off by up to 0.004.
 */
import { InvalidArgumentError } from '../errors.ts';

/** RoPE parameters of a model, as its checkpoint states them. */
export interface RopeConfig {
  /** Base of the geometric frequencies, > 0. */
  readonly theta: number;
  /** Leading dims of each head that rotate; even, <= D (partial rotary when smaller). */
  readonly rotaryDim: number;
  /** Llama 3.x frequency scaling; absent means plain RoPE. */
  readonly scaling?: Llama3Scaling;
}

export interface Llama3Scaling {
  readonly type: 'llama3';
  readonly factor: number;
  readonly lowFreqFactor: number;
  readonly highFreqFactor: number;
  readonly originalContextLength: number;
}

/** Largest cos or sin table, in elements: 512 MiB of float32. A checkpoint's context length is only a claim. */
const maxTableElements = 2 ** 27;

/**
 * Radians a pair turns per position, [rotaryDim / 2], highest first: theta^(-2i / rotaryDim), then llama3 scaling.
 *
 * @throws InvalidArgumentError for a config out of its ranges.
 */
export function ropeInverseFrequencies(config: RopeConfig): Float64Array<ArrayBuffer> {
  requireConfig(config);
  const { theta, rotaryDim, scaling } = config;
  const frequencies = new Float64Array(rotaryDim / 2);
  for (let i = 0; i < frequencies.length; i++) {
    const plain = theta ** ((-2 * i) / rotaryDim);
    frequencies[i] = scaling === undefined ? plain : scaleLlama3(plain, scaling);
  }
  return frequencies;
}

/**
 * Llama 3.1: long wavelengths (> context / lowFreqFactor) are stretched by `factor`, short ones (< context /
 * highFreqFactor) stay, and between them the two are blended. As `_compute_llama3_parameters` of transformers does.
 */
function scaleLlama3(frequency: number, scaling: Llama3Scaling): number {
  const { factor, lowFreqFactor, highFreqFactor, originalContextLength } = scaling;
  // Turns that the pair makes over the original context.
  const turns = (originalContextLength * frequency) / (2 * Math.PI);
  if (turns < lowFreqFactor) return frequency / factor;
  if (turns > highFreqFactor) return frequency;
  const kept = (turns - lowFreqFactor) / (highFreqFactor - lowFreqFactor);
  return (1 - kept) * (frequency / factor) + kept * frequency;
}

/**
 * Puts RoPE on, in place.
 *
 * @param keys [..., D] half-split, all of them at `position`.
 * @param headDim D.
 * @param position integer >= 0.
 * @returns `keys`.
 * @throws InvalidArgumentError for a config, position or length out of range.
 */
export function rotateHeads(
  keys: Float32Array,
  headDim: number,
  position: number,
  config: RopeConfig,
): Float32Array {
  return turnHeads(keys, headDim, requirePosition('position', position), config);
}

/** Takes RoPE off, in place: the inverse of {@link rotateHeads}, to float32 rounding. Same parameters and errors. */
export function unrotateHeads(
  keys: Float32Array,
  headDim: number,
  position: number,
  config: RopeConfig,
): Float32Array {
  return turnHeads(keys, headDim, -requirePosition('position', position), config);
}

/**
 * Moves rotated keys from one position to another, in place, rounding once: what un-rotating at `from` and rotating at
 * `to` gives. Parameters and errors as {@link rotateHeads}.
 */
export function moveRotation(
  keys: Float32Array,
  headDim: number,
  from: number,
  to: number,
  config: RopeConfig,
): Float32Array {
  const turn = requirePosition('to', to) - requirePosition('from', from);
  return turnHeads(keys, headDim, turn, config);
}

/** cos and sin of every angle, [T, rotaryDim / 2] float32 each, row-major. */
export interface RopeTables {
  readonly cos: Float32Array<ArrayBuffer>;
  readonly sin: Float32Array<ArrayBuffer>;
}

/**
 * The tables of positions 0 .. T-1, e.g. for a GroupQueryAttention node's cos_cache and sin_cache.
 *
 * @param positions T, an integer >= 1; T * rotaryDim / 2 is at most 2^27.
 * @throws InvalidArgumentError for a config or T out of range.
 */
export function ropeCosSin(config: RopeConfig, positions: number): RopeTables {
  const frequencies = ropeInverseFrequencies(config);
  const half = frequencies.length;
  if (!Number.isSafeInteger(positions) || positions < 1 || positions * half > maxTableElements) {
    throw new InvalidArgumentError(
      'positions',
      `positions must be an integer from 1 to ${Math.floor(maxTableElements / half)}, not ${positions}.`,
    );
  }
  const cos = new Float32Array(positions * half);
  const sin = new Float32Array(positions * half);
  for (let position = 0, at = 0; position < positions; position++) {
    for (let i = 0; i < half; i++, at++) {
      const angle = position * frequencies[i]!;
      cos[at] = Math.cos(angle);
      sin[at] = Math.sin(angle);
    }
  }
  return { cos, sin };
}

/** The angles of one turn. An edit turns the keys of every layer alike, so each config's last turn is kept. */
interface Turn {
  readonly turn: number;
  readonly cos: Float64Array;
  readonly sin: Float64Array;
}
const lastTurns = new WeakMap<RopeConfig, Turn>();

function turnOf(config: RopeConfig, turn: number): Turn {
  const last = lastTurns.get(config);
  if (last?.turn === turn) return last;
  const angles = ropeInverseFrequencies(config).map((frequency) => turn * frequency);
  const made = { turn, cos: angles.map(Math.cos), sin: angles.map(Math.sin) };
  lastTurns.set(config, made);
  return made;
}

function turnHeads(keys: Float32Array, headDim: number, turn: number, config: RopeConfig): Float32Array {
  const angles = turnOf(config, turn);
  requireHeads(keys, headDim, config.rotaryDim);
  const half = angles.cos.length;
  for (let i = 0; i < half; i++) {
    const cos = angles.cos[i]!;
    const sin = angles.sin[i]!;
    for (let first = i; first < keys.length; first += headDim) {
      const x = keys[first]!;
      const y = keys[first + half]!;
      keys[first] = x * cos - y * sin;
      keys[first + half] = y * cos + x * sin;
    }
  }
  return keys;
}

/** @throws InvalidArgumentError unless `keys` is whole heads of D dims and the even `rotaryDim` is within D. */
export function requireHeads(keys: Float32Array, headDim: number, rotaryDim: number): void {
  requireRotaryDim(rotaryDim);
  if (!Number.isSafeInteger(headDim) || headDim < rotaryDim) {
    throw new InvalidArgumentError(
      'headDim',
      `headDim must be an integer >= rotaryDim (${rotaryDim}), not ${headDim}.`,
    );
  }
  if (keys.length % headDim !== 0) {
    throw new InvalidArgumentError(
      'keys',
      `keys must hold whole heads of ${headDim} dims, not ${keys.length} elements.`,
    );
  }
}

function requireRotaryDim(rotaryDim: number): void {
  if (!Number.isSafeInteger(rotaryDim) || rotaryDim < 2 || rotaryDim % 2 !== 0 || rotaryDim > 65_536) {
    throw new InvalidArgumentError(
      'rotaryDim',
      `rotaryDim must be an even integer from 2 to 65536, not ${rotaryDim}.`,
    );
  }
}

function requirePosition(argument: string, position: number): number {
  if (!Number.isSafeInteger(position) || position < 0) {
    throw new InvalidArgumentError(argument, `${argument} must be an integer >= 0, not ${position}.`);
  }
  return position;
}

function requireConfig({ theta, rotaryDim, scaling }: RopeConfig): void {
  requireRotaryDim(rotaryDim);
  requirePositive('theta', theta);
  if (scaling === undefined) return;
  if (scaling.type !== 'llama3') {
    throw new InvalidArgumentError(
      'scaling',
      `RoPE scaling must be 'llama3' or absent, not '${scaling.type}'.`,
    );
  }
  requirePositive('factor', scaling.factor);
  requirePositive('lowFreqFactor', scaling.lowFreqFactor);
  requirePositive('highFreqFactor', scaling.highFreqFactor);
  requirePositive('originalContextLength', scaling.originalContextLength);
  if (scaling.highFreqFactor <= scaling.lowFreqFactor) {
    throw new InvalidArgumentError(
      'highFreqFactor',
      `highFreqFactor must be greater than lowFreqFactor (${scaling.lowFreqFactor}), not ${scaling.highFreqFactor}.`,
    );
  }
}

function requirePositive(argument: string, value: number): void {
  if (!Number.isFinite(value) || value <= 0) {
    throw new InvalidArgumentError(argument, `RoPE ${argument} must be a finite number > 0, not ${value}.`);
  }
}
