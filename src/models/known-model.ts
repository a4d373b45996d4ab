import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ModelNotFoundError } from '../errors.ts';
import { localModel } from './local-model.ts';
import { packageRoot } from './package-root.ts';
import type { BundledModel, DownloadableModel } from './registry.ts';
import type { ResolvedModel } from './resolved-model.ts';

/** Where a downloadable model's file is, or will be. */
export function artefactPath(cache: string, model: DownloadableModel): string {
  return join(cache, 'models', model.name, model.artefact.file);
}

/** The model from the cache, or `null`. Its size is compared; its digest was, when it was pulled. */
export async function cachedArtefact(cache: string, model: DownloadableModel): Promise<ResolvedModel | null> {
  const path = artefactPath(cache, model);
  const size = await stat(path).then(
    (found) => found.size,
    () => null,
  );
  if (size !== model.artefact.size) return null;
  return { ...(await localModel(path)), name: model.name };
}

/** A model that comes with the package. @throws ModelNotFoundError where the installed package lacks it. */
export async function bundledModel(model: BundledModel): Promise<ResolvedModel> {
  const path = join(packageRoot(), ...model.folder.split('/'), model.file);
  try {
    return { ...(await localModel(path)), name: model.name };
  } catch (error) {
    throw new ModelNotFoundError(
      model.name,
      `The bundled model "${model.name}" should be at ${path}, but cannot be read. Install kvsteer again.`,
      { cause: error },
    );
  }
}
