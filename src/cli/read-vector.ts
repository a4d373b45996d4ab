import { existsSync } from 'node:fs';
import { InvalidFileError } from '../errors.ts';
import type { SteeringVector } from '../vectors/vector.ts';
import { shippedFile } from './shipped-file.ts';

/** What the library's message for a plain safetensors file ends with: an option of the code, which is a flag here. */
const codeAdvice = /If it holds keys and values .*$/;
const flagAdvice =
  'If another tool wrote keys and values [layers, KV heads, head_dim] there, make it a vector of a model with `kvsteer import`, or use it as it is with run or compare and --key-mode post-rope (or unrotated).';

/**
 * The file that a vector is named by: a path, with or without `.safetensors`, or the name of one of the bundled model's
 * vectors (`stepwise`, `causal`, `strategy`, `equation`). A file here comes before a bundled one.
 */
export function vectorPath(name: string): string {
  if (existsSync(name)) return name;
  const withEnding = `${name}.safetensors`;
  if (existsSync(withEnding)) return withEnding;
  // Not shippedFile before it is a plain word: a name must not climb out of the folder.
  const bundled = /^[\w-]+$/.test(name) ? shippedFile('tiny', 'vectors', withEnding) : name;
  return existsSync(bundled) ? bundled : name;
}

/**
 * A vector that says itself what it was made for, by path or name ({@link vectorPath}). @throws InvalidFileError
 */
export async function readVector(name: string): Promise<SteeringVector> {
  const path = vectorPath(name);
  const { loadVector } = await import('../vectors/vector-file.ts');
  try {
    return await loadVector(path);
  } catch (error) {
    if (!(error instanceof InvalidFileError) || !codeAdvice.test(error.message)) throw error;
    const message = error.message.slice(`${path}: `.length).replace(codeAdvice, flagAdvice);
    throw new InvalidFileError(path, message, { cause: error });
  }
}
