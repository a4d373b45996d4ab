import { stat } from 'node:fs/promises';
import { InvalidArgumentError } from '../errors.ts';

/** @throws InvalidArgumentError if a command's output file is there already, unless it may be replaced, or is a folder. */
export async function requireFreeOutput({
  output,
  overwrite,
}: {
  readonly output: string;
  readonly overwrite?: boolean;
}): Promise<void> {
  const there = await stat(output).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (there?.isDirectory())
    throw new InvalidArgumentError(
      'output',
      `${output} is a folder. Give a file name, e.g. -o ${output}/vector.safetensors.`,
    );
  if (there && !overwrite) {
    throw new InvalidArgumentError(
      'output',
      `${output} exists already. Replace it with --overwrite, or give another -o.`,
    );
  }
}
