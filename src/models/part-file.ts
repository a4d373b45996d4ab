import { readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { z } from 'zod';

/**
 * A download that is not finished: `TARGET.part` holds the first bytes of the file, `TARGET.part.json` says of which
 * file. Without a readable note the bytes are worth nothing and are dropped.
 */
const noteSchema = z.object({
  version: z.literal(1),
  /** Strong ETag of the server that sent the bytes, quotes included, for `If-Range`. */
  etag: z.string().max(512).nullable(),
  /** The hub's `X-Linked-Etag`: the file's digest, the same on every server behind it. */
  linkedEtag: z.string().max(512).nullable(),
  size: z.number().int().nonnegative().nullable(),
});

export type PartNote = Omit<z.infer<typeof noteSchema>, 'version'>;

export interface Part extends PartNote {
  readonly bytes: number;
}

export function partPath(target: string): string {
  return `${target}.part`;
}

/** Bytes of an unfinished download of `target`; 0 where there is none. */
export async function partBytes(target: string): Promise<number> {
  return stat(partPath(target)).then(
    (found) => found.size,
    () => 0,
  );
}

/** The unfinished download of `target`, or `null` where there is none to go on from. */
export async function readPart(target: string): Promise<Part | null> {
  try {
    const notePath = `${partPath(target)}.json`;
    if ((await stat(notePath)).size > 8192) return null;
    const { version: _, ...note } = noteSchema.parse(JSON.parse(await readFile(notePath, 'utf8')));
    const { size: bytes } = await stat(partPath(target));
    return bytes > 0 ? { ...note, bytes } : null;
  } catch {
    return null;
  }
}

export async function writePartNote(target: string, note: PartNote): Promise<void> {
  const path = `${partPath(target)}.json`;
  await writeFile(`${path}.new`, JSON.stringify({ version: 1, ...note }));
  await rename(`${path}.new`, path);
}

export async function removePart(target: string): Promise<void> {
  await rm(partPath(target), { force: true });
  await rm(`${partPath(target)}.json`, { force: true });
}

/** The part becomes the file: one rename, so nobody sees half a file. */
export async function finishPart(target: string): Promise<void> {
  await rename(partPath(target), target);
  await rm(`${partPath(target)}.json`, { force: true });
}
