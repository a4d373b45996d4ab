import { InvalidArgumentError } from '../../errors.ts';

/** Bounds on what a safetensors header may ask for. Each is a positive integer. */
export interface SafetensorsLimits {
  /** Bytes of the JSON header. Default and ceiling 100,000,000 (the format's own bound). */
  readonly maxHeaderBytes?: number;
  /** Tensors in the file. Default 100,000. */
  readonly maxTensors?: number;
  /** Dimensions of one tensor. Default 16. */
  readonly maxDims?: number;
}

const headerCeiling = 100_000_000;

export const defaultSafetensorsLimits: Required<SafetensorsLimits> = {
  maxHeaderBytes: headerCeiling,
  maxTensors: 100_000,
  maxDims: 16,
};

/** Fills in the defaults. @throws InvalidArgumentError for a limit that is not a positive integer in its range. */
export function resolveSafetensorsLimits(limits: SafetensorsLimits = {}): Required<SafetensorsLimits> {
  const resolved = { ...defaultSafetensorsLimits, ...limits };
  for (const name of ['maxHeaderBytes', 'maxTensors', 'maxDims'] as const) {
    const value = resolved[name];
    const ceiling = name === 'maxHeaderBytes' ? headerCeiling : Number.MAX_SAFE_INTEGER;
    if (!Number.isSafeInteger(value) || value < 1 || value > ceiling) {
      throw new InvalidArgumentError(name, `${name} must be an integer from 1 to ${ceiling}, not ${value}.`);
    }
  }
  return resolved;
}
