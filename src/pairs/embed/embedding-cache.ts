import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readSafetensors, tensorToFloat32 } from '../../tensor/safetensors/read.ts';
import { writeSafetensors } from '../../tensor/safetensors/write.ts';
import type { SentenceEmbedder } from './sentence-embedder.ts';

/** Texts a file: what an interrupted run loses at most, and what one changed text makes new. */
const BLOCK = 128;
const MAX_BYTES = 16 * 2 ** 20;
const TENSOR = 'embeddings';

/**
 * An embedder that keeps what it makes in `folder`, in files named by the texts' and the model's content: the same texts in
 * the same order are never embedded twice. A file that cannot be read is made anew; one that cannot be written is done
 * without.
 */
export function cachedEmbedder(embedder: SentenceEmbedder, folder: string): SentenceEmbedder {
  const home = join(folder, embedder.fingerprint.slice(0, 16));
  return {
    name: embedder.name,
    fingerprint: embedder.fingerprint,
    async embed(texts, { signal, onProgress } = {}) {
      const embeddings: Float32Array[] = [];
      for (let from = 0; from < texts.length; from += BLOCK) {
        signal?.throwIfAborted();
        const block = texts.slice(from, from + BLOCK);
        const path = join(home, `${contentHash(block)}.safetensors`);
        const kept = await readBlock(path, block.length);
        const rows =
          kept ??
          (await embedder.embed(block, {
            ...(signal && { signal }),
            onProgress: ({ done }) => onProgress?.({ done: from + done, total: texts.length }),
          }));
        if (kept === null) await writeBlock(path, rows).catch(() => {});
        embeddings.push(...rows);
        onProgress?.({ done: from + block.length, total: texts.length });
      }
      return embeddings;
    },
    [Symbol.asyncDispose]: () => embedder[Symbol.asyncDispose](),
  };
}

/** Of a JSON list: no two lists of texts are written alike. */
function contentHash(texts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(texts)).digest('hex');
}

async function readBlock(path: string, count: number): Promise<Float32Array[] | null> {
  try {
    if ((await stat(path)).size > MAX_BYTES) return null;
    const tensor = readSafetensors(await readFile(path), path).tensors.get(TENSOR);
    const [rows, size] = tensor?.shape ?? [];
    if (tensor === undefined || tensor.shape.length !== 2 || rows !== count || size === undefined)
      return null;
    const values = tensorToFloat32(tensor);
    const embeddings = Array.from({ length: count }, (_, row) => values.slice(row * size, (row + 1) * size));
    return embeddings.every(isUnit) ? embeddings : null;
  } catch {
    return null;
  }
}

function isUnit(vector: Float32Array): boolean {
  const square = vector.reduce((sum, value) => sum + value * value, 0);
  return Math.abs(square - 1) < 1e-3;
}

async function writeBlock(path: string, rows: readonly Float32Array[]): Promise<void> {
  const size = rows[0]!.length;
  const data = new Float32Array(rows.length * size);
  for (const [i, row] of rows.entries()) data.set(row, i * size);
  const bytes = writeSafetensors(new Map([[TENSOR, { shape: [rows.length, size], data }]]));
  const beside = `${path}.${randomUUID()}.tmp`;
  try {
    await mkdir(join(path, '..'), { recursive: true });
    await writeFile(beside, bytes, { flag: 'wx' });
    await rename(beside, path);
  } finally {
    await rm(beside, { force: true });
  }
}
