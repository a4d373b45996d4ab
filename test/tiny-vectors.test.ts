/** The bundled model's vectors are what `npm run models:tiny:vectors` makes of its problems. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { tinyStyles, writeTinyVectors } from '../scripts/tiny-vectors.ts';
import { loadVector } from '../src/vectors/vector-file.ts';

const shipped = fileURLToPath(new URL('../models/tiny/vectors/', import.meta.url));

it('shipped vectors equal a rebuild', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'kvsteer-tiny-'));
  try {
    const sink = new PassThrough().resume() as unknown as NodeJS.WriteStream;
    expect(await writeTinyVectors(folder, { stdout: sink, stderr: sink })).toBe(0);
    for (const style of tinyStyles) {
      const paths = [shipped, folder].map((path) => join(path, `${style}.safetensors`)) as [string, string];
      const [one, other] = await Promise.all(paths.map((path) => readFile(path)));
      if (one!.equals(other!)) continue;
      // Another kind of processor sums in another order: its last bits may differ, and nothing else.
      const [then, now] = await Promise.all(paths.map((path) => loadVector(path)));
      const { keys, values, statistics: _, ...rest } = now!;
      expect(then).toMatchObject(rest);
      const apart = (a: Float32Array, b: Float32Array) => Math.max(...a.map((x, i) => Math.abs(x - b[i]!)));
      expect(apart(then!.keys, keys)).toBeLessThan(1e-5);
      expect(apart(then!.values, values)).toBeLessThan(1e-5);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}, 60_000);
