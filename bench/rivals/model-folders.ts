/** Where the rivals' model files lie: made by `npm run bench:setup`, in kvsteer's cache folder. */
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheFolder, resolveModel } from '../../src/models/index.ts';

export const modelName = 'smollm2-135m-instruct';

export const rivalFolder = join(cacheFolder(), 'bench', modelName);
export const transformersJsFolder = join(rivalFolder, 'transformersjs');
export const pytorchFolder = join(rivalFolder, 'pytorch');

export async function ggufPath(): Promise<string> {
  return (await resolveModel(modelName, { download: true })).path;
}

export async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}
