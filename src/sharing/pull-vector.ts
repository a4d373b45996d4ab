import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { InvalidArgumentError, UnsupportedModelError } from '../errors.ts';
import { cacheFolder } from '../models/cache-folder.ts';
import { presentBytes, readHubManifest } from '../models/hub-manifest.ts';
import { type HubName, hubFolder, parseHubName } from '../models/hub-name.ts';
import { type PullOptions, pullModel } from '../models/pull.ts';
import { cachedHubModel, pullHubFiles } from '../models/pull-hub.ts';
import type { ResolvedModel } from '../models/resolved-model.ts';
import type { SteeringVector } from '../vectors/vector.ts';
import { loadVector } from '../vectors/vector-file.ts';
import { chooseVector } from './choose-vector.ts';

export interface PulledVector {
  /** As it was asked for. */
  readonly name: string;
  /** In the cache. */
  readonly path: string;
  readonly vector: SteeringVector;
}

/**
 * A vector of the hub, from the cache or downloaded into it: checked against the hub's digest, then read strictly; what is
 * no vector of kvsteer is not kept. `HF_ENDPOINT`, `HF_TOKEN` and `HF_HUB_OFFLINE` are respected.
 *
 * @param name `owner/name`, or `owner/name:file.safetensors` where the repository has several; `@revision` after the name
 * where wanted.
 * @example
 * const { vector } = await pullVector('owner/stepwise');
 * @throws InvalidArgumentError for what is no hub id, or does not mean one vector; ModelNotFoundError where the hub has no
 * such repository; DownloadError; InvalidFileError where the file is no vector; the signal's reason.
 */
export async function pullVector(name: string, options: PullOptions = {}): Promise<PulledVector> {
  const hub = parseHubName(name);
  if (hub === null) {
    throw new InvalidArgumentError(
      'vector',
      `${JSON.stringify(name)} is no hub id. Expected owner/name, or owner/name:file.safetensors.`,
    );
  }
  const folder = vectorFolder(hub, options.cache);
  const { weights } = await pullHubFiles(hub, folder, {
    ...options,
    type: 'model',
    choose: (files) => {
      const chosen = chooseVector(hub, files);
      return { kind: 'vector', weights: chosen.path, files: [chosen] };
    },
  });
  const path = join(folder, ...weights!.split('/'));
  try {
    return { name, path, vector: await loadVector(path) };
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

/** Whether the vector is in the cache, complete. */
async function isCached(hub: HubName, cache: string | undefined): Promise<boolean> {
  const folder = vectorFolder(hub, cache);
  const manifest = await readHubManifest(folder);
  return manifest !== null && (await presentBytes(folder, manifest)).complete;
}

function vectorFolder(hub: HubName, cache: string = cacheFolder()): string {
  return hubFolder(join(cache, 'vectors'), hub);
}

export type Pulled =
  | { readonly kind: 'model'; readonly model: ResolvedModel }
  | { readonly kind: 'vector'; readonly vector: PulledVector };

/**
 * A model, or else a vector, by whatever the repository holds; a known model's name is always that model.
 *
 * @throws as {@link pullModel}, whose word it is where the repository holds neither; as {@link pullVector}.
 */
export async function pullModelOrVector(name: string, options: PullOptions = {}): Promise<Pulled> {
  const hub = parseHubName(name);
  const { cache = cacheFolder() } = options;
  if (hub !== null && (await cachedHubModel(cache, hub)) === null && (await isCached(hub, cache))) {
    return { kind: 'vector', vector: await pullVector(name, options) };
  }
  try {
    return { kind: 'model', model: await pullModel(name, options) };
  } catch (noModel) {
    if (hub === null || !(noModel instanceof UnsupportedModelError)) throw noModel;
    try {
      return { kind: 'vector', vector: await pullVector(name, options) };
    } catch (noVector) {
      const holdsNone = noVector instanceof InvalidArgumentError && /holds no vector/.test(noVector.message);
      throw holdsNone ? noModel : noVector;
    }
  }
}
