import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { isSafeRelative } from './hub-name.ts';

/**
 * What a cached hub model, choice of files of a data set, or vector consists of; `kvsteer-model.json` in its folder. Written
 * first, and again when complete.
 */
const FILE_NAME = 'kvsteer-model.json';
const MAX_BYTES = 2 ** 20;

const safePath = z.string().refine(isSafeRelative);
const manifestSchema = z.object({
  version: z.literal(1),
  /** As the user names it, e.g. `owner/name@revision:file.gguf`. */
  name: z.string(),
  repo: z.string(),
  /** The commit that the files are of. */
  commit: z.string(),
  kind: z.enum(['gguf', 'safetensors', 'onnx', 'data', 'vector']),
  weights: safePath.nullable(),
  complete: z.boolean(),
  files: z.array(
    z.object({
      path: safePath,
      size: z.number().int().nonnegative(),
      sha256: z.string().nullable(),
      gitOid: z.string().nullable(),
    }),
  ),
});

export type HubManifest = z.infer<typeof manifestSchema>;

/** The manifest of a folder, or `null` where there is none that can be read. */
export async function readHubManifest(folder: string): Promise<HubManifest | null> {
  try {
    const path = join(folder, FILE_NAME);
    if ((await stat(path)).size > MAX_BYTES) return null;
    return manifestSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch {
    return null;
  }
}

export async function writeHubManifest(folder: string, manifest: HubManifest): Promise<void> {
  await mkdir(folder, { recursive: true });
  const path = join(folder, FILE_NAME);
  const beside = `${path}.${randomUUID()}`;
  await writeFile(beside, `${JSON.stringify(manifest, null, 2)}\n`);
  await rename(beside, path);
}

/** Bytes of the manifest's files that are on disk in full; `complete` when all are and the pull had ended. */
export async function presentBytes(
  folder: string,
  manifest: HubManifest,
): Promise<{ bytes: number; total: number; complete: boolean }> {
  let bytes = 0;
  let total = 0;
  for (const file of manifest.files) {
    total += file.size;
    const size = await stat(join(folder, file.path)).then(
      (found) => found.size,
      () => null,
    );
    if (size === file.size) bytes += size;
  }
  return { bytes, total, complete: manifest.complete && bytes === total };
}
