/** Opens a folder as transformers saves it: config.json and one or several safetensors files. */
import { open, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { InvalidFileError, UnsupportedModelError } from '../../../errors.ts';
import {
  parseSafetensorsHeader,
  type SafetensorsEntry,
  type SafetensorsHeader,
  safetensorsHeaderBytes,
  safetensorsPrefixBytes,
} from '../../../tensor/safetensors/header.ts';
import type { Checkpoint, CheckpointConfig } from './checkpoint.ts';
import { outputName, requireTensors } from './checkpoint-tensors.ts';
import { safetensorsConfig } from './safetensors-config.ts';
import {
  closeFiles,
  type HashedTensor,
  type OpenFile,
  readRange,
  StoredCheckpoint,
  type StoredTensor,
} from './stored-checkpoint.ts';

const MOST_CONFIG_BYTES = 2 ** 20;
const MOST_INDEX_BYTES = 2 ** 26;
const MOST_SHARDS = 1024;

const indexSchema = z.looseObject({ weight_map: z.record(z.string(), z.string()) });

/**
 * @param folder with `config.json` and `model.safetensors`, or `model.safetensors.index.json` and its shards.
 * @throws InvalidFileError for a missing or damaged file; UnsupportedModelError for another architecture, dtype or RoPE.
 */
export async function openSafetensorsCheckpoint(folder: string): Promise<Checkpoint> {
  const config = await readModelConfig(folder);
  const files: OpenFile[] = [];
  try {
    const tensors = new Map<string, StoredTensor>();
    const hashed: HashedTensor[] = [];
    for (const name of await shardNames(folder)) {
      const file = await openFile(join(folder, name));
      files.push(file);
      const { tensors: entries, dataOffset } = await readHeader(file);
      for (const [stored, entry] of entries) {
        if (tensors.has(stored))
          throw new InvalidFileError(file.path, `The tensor ${stored} is in another file too.`);
        const { shape } = entry;
        const place = { file, offset: dataOffset + entry.begin, byteLength: entry.end - entry.begin };
        hashed.push({ storedName: stored, type: entry.dtype, shape, ...place });
        if (isIgnored(stored, config.tiedEmbeddings)) continue;
        tensors.set(stored, { name: stored, shape, type: typeOf(file.path, stored, entry), ...place });
      }
    }
    requireTensors(folder, config, tensors);
    return new StoredCheckpoint({ path: folder, format: 'safetensors', config, tensors, hashed, files });
  } catch (error) {
    await closeFiles(files);
    throw error;
  }
}

/** Old checkpoints store RoPE frequencies that follow from the configuration; a tied head may be stored twice. */
function isIgnored(name: string, tied: boolean): boolean {
  return name.endsWith('.rotary_emb.inv_freq') || (tied && name === outputName);
}

function typeOf(path: string, name: string, { dtype }: SafetensorsEntry): 'F32' | 'F16' | 'BF16' {
  if (dtype === 'F32' || dtype === 'F16' || dtype === 'BF16') return dtype;
  throw new UnsupportedModelError(
    `${path}: the tensor ${JSON.stringify(name)} has dtype ${dtype}; F32, F16 and BF16 are supported. ` +
      'Use a checkpoint that is not quantised, or a GGUF.',
  );
}

async function shardNames(folder: string): Promise<readonly string[]> {
  const single = 'model.safetensors';
  if (await stat(join(folder, single)).catch(() => undefined)) return [single];
  const path = join(folder, `${single}.index.json`);
  const parsed = indexSchema.safeParse(await readJson(path, MOST_INDEX_BYTES));
  if (!parsed.success)
    throw new InvalidFileError(path, `Expected a weight_map. ${z.prettifyError(parsed.error)}`);
  const names = [...new Set(Object.values(parsed.data.weight_map))].sort();
  if (names.length === 0 || names.length > MOST_SHARDS) {
    throw new InvalidFileError(
      path,
      `Expected 1 to ${MOST_SHARDS} files in weight_map, found ${names.length}.`,
    );
  }
  for (const name of names) {
    // a name is a name: no path out of the folder
    if (!/^[\w-][\w.-]*\.safetensors$/.test(name)) {
      throw new InvalidFileError(path, `Expected names of safetensors files, found ${JSON.stringify(name)}.`);
    }
  }
  return names;
}

/** `config.json` of a model folder. @throws InvalidFileError, UnsupportedModelError as {@link safetensorsConfig}. */
export async function readModelConfig(folder: string): Promise<CheckpointConfig> {
  const path = join(folder, 'config.json');
  return safetensorsConfig(path, await readJson(path, MOST_CONFIG_BYTES));
}

async function readJson(path: string, mostBytes: number): Promise<unknown> {
  try {
    const { size } = await stat(path);
    if (size <= mostBytes) return JSON.parse(await readFile(path, 'utf8'));
  } catch (cause) {
    throw new InvalidFileError(path, `Expected a JSON file, but it cannot be read (${String(cause)}).`, {
      cause,
    });
  }
  throw new InvalidFileError(path, `Expected a JSON file of at most ${mostBytes} bytes.`);
}

async function openFile(path: string): Promise<OpenFile> {
  try {
    return { path, handle: await open(path, 'r') };
  } catch (cause) {
    throw new InvalidFileError(
      path,
      `Expected a safetensors file, but it cannot be opened (${String(cause)}).`,
      {
        cause,
      },
    );
  }
}

async function readHeader(file: OpenFile): Promise<SafetensorsHeader> {
  const { size } = await file.handle.stat();
  const prefix = await readRange(file, 0, Math.min(safetensorsPrefixBytes, size));
  const bytes = safetensorsHeaderBytes(prefix, size, file.path);
  return parseSafetensorsHeader(await readRange(file, 0, bytes), size, file.path);
}
