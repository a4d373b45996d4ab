import type { Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheFolder } from './cache-folder.ts';
import { presentBytes, readHubManifest } from './hub-manifest.ts';
import { artefactPath, bundledModel, cachedArtefact } from './known-model.ts';
import { partBytes } from './part-file.ts';
import { type BundledModel, type DownloadableModel, knownModels } from './registry.ts';
import type { ModelKind } from './resolved-model.ts';

/**
 * `bundled`: comes with the package. `cached`: on disk, complete. `partial`: some of it is there; a pull goes on from
 * there. `available`: known, not on disk.
 */
export type ModelState = 'bundled' | 'cached' | 'partial' | 'available';

export interface ListedModel {
  /** What `resolveModel` and `pullModel` take. */
  readonly name: string;
  readonly kind: ModelKind;
  readonly state: ModelState;
  /** Bytes on disk now. */
  readonly bytes: number;
  /** Bytes when complete. */
  readonly totalBytes: number;
  /** The GGUF file or the model's folder; `null` while it is not on disk in full. */
  readonly path: string | null;
  readonly description: string | null;
}

/** The known models, then the hub models in the cache by name. No network. */
export async function listModels(
  options: { readonly cache?: string | undefined } = {},
): Promise<ListedModel[]> {
  const cache = options.cache ?? cacheFolder();
  const listed: ListedModel[] = [];
  for (const model of knownModels) {
    listed.push(model.kind === 'bundled' ? await listBundled(model) : await listDownloadable(cache, model));
  }
  const hub = await listHub(cache);
  return [...listed, ...hub.sort((a, b) => (a.name < b.name ? -1 : 1))];
}

async function listBundled(model: BundledModel): Promise<ListedModel> {
  const { name, description } = model;
  const found = await bundledModel(model).catch(() => null);
  // A package without it is damaged; saying that is resolveModel's part.
  if (found === null) {
    return { name, kind: 'gguf', state: 'available', bytes: 0, totalBytes: 0, path: null, description };
  }
  const { size } = await stat(found.path);
  return {
    name,
    kind: 'gguf',
    state: 'bundled',
    bytes: size,
    totalBytes: size,
    path: found.path,
    description,
  };
}

async function listDownloadable(cache: string, model: DownloadableModel): Promise<ListedModel> {
  const found = await cachedArtefact(cache, model).catch(() => null);
  const totalBytes = model.artefact.size;
  const part = await partBytes(artefactPath(cache, model));
  return {
    name: model.name,
    kind: 'gguf',
    state: found ? 'cached' : part > 0 ? 'partial' : 'available',
    bytes: found ? totalBytes : part,
    totalBytes,
    path: found?.path ?? null,
    description: model.description,
  };
}

/** Folders are hub/OWNER/NAME/CHOICE. */
async function listHub(cache: string): Promise<ListedModel[]> {
  const found: ListedModel[] = [];
  for (const owner of await folders(join(cache, 'hub'))) {
    for (const repo of await folders(owner)) {
      for (const folder of await folders(repo)) {
        const manifest = await readHubManifest(folder);
        if (manifest === null || manifest.kind === 'data' || manifest.kind === 'vector') continue;
        const { bytes, total, complete } = await presentBytes(folder, manifest);
        let parts = 0;
        if (!complete) {
          for (const file of manifest.files) parts += await partBytes(join(folder, file.path));
        }
        const whole = manifest.weights === null ? folder : join(folder, manifest.weights);
        found.push({
          name: manifest.name,
          kind: manifest.kind,
          state: complete ? 'cached' : 'partial',
          bytes: bytes + parts,
          totalBytes: total,
          path: complete ? whole : null,
          description: null,
        });
      }
    }
  }
  return found;
}

async function folders(parent: string): Promise<string[]> {
  const entries: Dirent[] = await readdir(parent, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory()).map((entry) => join(parent, entry.name));
}
