import { readFile } from 'node:fs/promises';
import { relative } from 'node:path';
import { z } from 'zod';
import { InvalidFileError } from '../../errors.ts';
import { shippedFile } from '../shipped-file.ts';

/** The styles that a vector of the bundled model comes for. */
export const STYLES = ['stepwise', 'causal', 'strategy', 'equation'] as const;
export type Style = (typeof STYLES)[number];

export const heldOutFile = shippedFile('tiny', 'problems', 'heldout.jsonl');

export function vectorFile(style: Style): string {
  return shippedFile('tiny', 'vectors', `${style}.safetensors`);
}

/** A path as short as it can be typed here. */
export function shortPath(path: string): string {
  const local = relative(process.cwd(), path);
  return local.length < path.length ? local : path;
}

const styleCard = z.object({
  styles: z.record(
    z.string(),
    z.object({ pattern: z.string().max(1000), description: z.string().max(1000) }),
  ),
});

export interface StyleCard {
  /** What the whole of a trimmed answer matches. */
  readonly pattern: RegExp;
  readonly description: string;
}

/** What is known about a style of the bundled model's answers. @throws InvalidFileError where the package is damaged. */
export async function readStyle(style: Style): Promise<StyleCard> {
  const path = shippedFile('tiny', 'styles.json');
  try {
    const { styles } = styleCard.parse(JSON.parse(await readFile(path, 'utf8')));
    const { pattern, description } = styles[style]!;
    return { pattern: new RegExp(pattern), description };
  } catch (cause) {
    throw new InvalidFileError(path, `does not describe the style ${style}. Install kvsteer again.`, {
      cause,
    });
  }
}
