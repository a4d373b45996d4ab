import { existsSync } from 'node:fs';
import { DownloadError, InvalidFileError, ModelNotFoundError } from '../errors.ts';
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
 * A vector that says itself what it was made for, by path or name ({@link vectorPath}), or by hub id: then it is taken from
 * the cache, or pulled.
 *
 * @throws InvalidFileError; what `pullVector` throws; the signal's reason.
 */
export async function readVector(name: string, signal?: AbortSignal): Promise<SteeringVector> {
  const path = vectorPath(name);
  if (!existsSync(path) && isHubId(name)) return await fromHub(name, signal);
  const { loadVector } = await import('../vectors/vector-file.ts');
  try {
    return await loadVector(path);
  } catch (error) {
    if (!(error instanceof InvalidFileError) || !codeAdvice.test(error.message)) throw error;
    const message = error.message.slice(`${path}: `.length).replace(codeAdvice, flagAdvice);
    throw new InvalidFileError(path, message, { cause: error });
  }
}

/** `owner/name`, with a file after a colon or not. What ends like a file without a colon is a path that was mistyped. */
function isHubId(name: string): boolean {
  return /^[\w][\w.-]*\/[\w.-]+(@[^:]+)?(:.+)?$/.test(name) && !/^[^:]*\.safetensors$/.test(name);
}

async function fromHub(name: string, signal: AbortSignal | undefined): Promise<SteeringVector> {
  const { pullVector } = await import('../sharing/pull-vector.ts');
  try {
    return (await pullVector(name, { signal })).vector;
  } catch (error) {
    if (!(error instanceof ModelNotFoundError || error instanceof DownloadError)) throw error;
    throw new InvalidFileError(name, `there is no such file; as a name of the hub: ${error.message}`, {
      cause: error,
    });
  }
}
