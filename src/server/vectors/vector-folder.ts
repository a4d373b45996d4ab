/** One folder of `NAME.safetensors` files, as `kvsteer extract` writes them and several servers can share. */
import { randomUUID } from 'node:crypto';
import { mkdir, open, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isVectorName } from './vector-name.ts';

const suffix = '.safetensors';

export interface VectorFile {
  readonly bytes: Uint8Array;
  /** Changes when the file is replaced. */
  readonly version: string;
}

export class VectorFolder {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Makes the folder where it is missing. */
  async open(): Promise<void> {
    await mkdir(this.#folder, { recursive: true });
  }

  /** Names of the vectors, sorted. */
  async names(): Promise<string[]> {
    const files = await readdir(this.#folder);
    const names = files.filter((file) => file.endsWith(suffix)).map((file) => file.slice(0, -suffix.length));
    return names.filter(isVectorName).sort();
  }

  /** What changes when the file is replaced, by whichever server; null where there is none. */
  async version(name: string): Promise<string | null> {
    try {
      const { ino, size, mtimeNs } = await stat(this.#path(name), { bigint: true });
      return `${ino}-${size}-${mtimeNs}`;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw error;
    }
  }

  /** @returns null where there is none; `tooLarge` for more than `most` bytes, unread. */
  async read(name: string, most: number): Promise<VectorFile | 'tooLarge' | null> {
    const file = await open(this.#path(name), 'r').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return null;
      throw error;
    });
    if (file === null) return null;
    try {
      const { ino, size, mtimeNs } = await file.stat({ bigint: true });
      if (size > most) return 'tooLarge';
      // A file that grows meanwhile is cut here, and refused by whoever parses it.
      const bytes = new Uint8Array(Number(size));
      let held = 0;
      while (held < bytes.length) {
        const { bytesRead } = await file.read(bytes, held, bytes.length - held, held);
        if (bytesRead === 0) break;
        held += bytesRead;
      }
      return { bytes: bytes.subarray(0, held), version: `${ino}-${size}-${mtimeNs}` };
    } finally {
      await file.close();
    }
  }

  /** Beside the target first, then renamed over it: no reader ever meets half a file. */
  async write(name: string, bytes: Uint8Array): Promise<void> {
    const beside = join(this.#folder, `.${name}.${randomUUID()}.tmp`);
    try {
      await writeFile(beside, bytes, { flag: 'wx', flush: true });
      await rename(beside, this.#path(name));
    } catch (error) {
      await rm(beside, { force: true }).catch(() => {});
      throw error;
    }
  }

  /** False where there was none. */
  async remove(name: string): Promise<boolean> {
    try {
      await rm(this.#path(name));
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
      throw error;
    }
  }

  #path(name: string): string {
    // Checked where the name came in as well; here nothing else is let through.
    if (!isVectorName(name)) throw new RangeError('not a vector name');
    return join(this.#folder, `${name}${suffix}`);
  }
}
