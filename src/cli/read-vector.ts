import { InvalidFileError } from '../errors.ts';
import type { SteeringVector } from '../vectors/vector.ts';

/** What the library's message for a plain safetensors file ends with: an option of the code, which is a flag here. */
const codeAdvice = /If it holds keys and values .*$/;
const flagAdvice =
  'If another tool wrote keys and values [layers, KV heads, head_dim] there, use it with run or compare and --key-mode post-rope (or unrotated).';

/** A vector file that says itself what it was made for. @throws InvalidFileError */
export async function readVector(path: string): Promise<SteeringVector> {
  const { loadVector } = await import('../vectors/vector-file.ts');
  try {
    return await loadVector(path);
  } catch (error) {
    if (!(error instanceof InvalidFileError) || !codeAdvice.test(error.message)) throw error;
    const message = error.message.slice(`${path}: `.length).replace(codeAdvice, flagAdvice);
    throw new InvalidFileError(path, message, { cause: error });
  }
}
