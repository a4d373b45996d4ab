import { stat } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import { InvalidArgumentError, ModelNotFoundError } from '../errors.ts';
import { cacheFolder } from './cache-folder.ts';
import { parseHubName } from './hub-name.ts';
import { bundledModel, cachedArtefact } from './known-model.ts';
import { listModels } from './list.ts';
import { localModel } from './local-model.ts';
import type { ModelProgressListener } from './progress.ts';
import { pullModel } from './pull.ts';
import { cachedHubModel } from './pull-hub.ts';
import { findKnownModel } from './registry.ts';
import type { ResolvedModel } from './resolved-model.ts';
import { closestNames } from './suggest.ts';

export interface ResolveOptions {
  /** Pull a known name or hub id that is not cached. Default false: then nothing ever touches the network. */
  readonly download?: boolean | undefined;
  /** Default {@link cacheFolder}`()`. */
  readonly cache?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ModelProgressListener | undefined;
}

/**
 * From what a user names to files on disk. In this order: a known name (`tiny`, `smollm2-135m-instruct`), an existing
 * path (see `localModel` for the layouts), a hub id from the cache. A folder called like a known name is
 * reached as `./tiny`.
 *
 * @throws ModelNotFoundError saying what was looked for, what is there and what to do; InvalidFileError for a file that
 *   is no GGUF; with `download`, what `pullModel` throws; the signal's reason.
 */
export async function resolveModel(nameOrPath: string, options: ResolveOptions = {}): Promise<ResolvedModel> {
  options.signal?.throwIfAborted();
  if (nameOrPath.trim() === '') {
    throw new InvalidArgumentError(
      'model',
      'The model is empty: give a name (tiny), a hub id (owner/name) or a path.',
    );
  }
  const cache = options.cache ?? cacheFolder();
  const known = findKnownModel(nameOrPath);
  if (known?.kind === 'bundled') return bundledModel(known);
  const cached = known ? await cachedArtefact(cache, known) : await onDisk(nameOrPath, cache);
  if (cached !== null) return cached;
  const isRemoteName = known !== undefined || hubNameOf(nameOrPath) !== null;
  if (!isRemoteName) throw await notFound(nameOrPath, cache);
  if (options.download) return pullModel(nameOrPath, { ...options, cache });
  const places = known
    ? `${cache} has no (complete) copy of it`
    : `there is no such path and no complete copy in ${cache}`;
  throw new ModelNotFoundError(
    nameOrPath,
    `${nameOrPath} is not on this machine: ${places}. Pull it first: kvsteer pull ${nameOrPath}`,
  );
}

async function onDisk(nameOrPath: string, cache: string): Promise<ResolvedModel | null> {
  if (await exists(nameOrPath)) return localModel(nameOrPath);
  const hub = hubNameOf(nameOrPath);
  return hub === null ? null : cachedHubModel(cache, hub);
}

/** Not everything of a hub id's form is one: `./a/b` and `a/b.gguf` are paths. */
function hubNameOf(nameOrPath: string): ReturnType<typeof parseHubName> {
  const hub = parseHubName(nameOrPath);
  return hub === null || /\.(gguf|onnx|safetensors)$/i.test(hub.repo) ? null : hub;
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    // Something is there that may not be looked at: localModel says so.
    (error: NodeJS.ErrnoException) => error.code === 'EACCES' || error.code === 'EPERM',
  );
}

async function notFound(nameOrPath: string, cache: string): Promise<ModelNotFoundError> {
  const listed = await listModels({ cache });
  const names = listed.map(({ name }) => name);
  const close = closestNames(nameOrPath, names);
  const isPath = isAbsolute(nameOrPath) || /[\\/]|\.(gguf|onnx|safetensors)$/i.test(nameOrPath);
  const looked = isPath ? 'There is no such file or folder' : 'It is neither a path nor a known name';
  const advice = close.length > 0 ? ` Did you mean ${close.join(' or ')}?` : '';
  return new ModelNotFoundError(
    nameOrPath,
    `No model "${nameOrPath}". ${looked}; known and cached: ${names.join(', ')}.${advice} A model of the hub is named owner/name.`,
  );
}
