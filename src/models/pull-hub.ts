import { join } from 'node:path';
import { DataNotFoundError, DownloadError, ModelNotFoundError, UnsupportedModelError } from '../errors.ts';
import { downloadFile } from './download.ts';
import { withFileLock } from './file-lock.ts';
import { HttpStatusError } from './http.ts';
import { type HubFile, type HubRepoType, hubFileUrl, hubHeaders, listHubRepo } from './hub.ts';
import { type HubManifest, presentBytes, readHubManifest, writeHubManifest } from './hub-manifest.ts';
import { formatHubName, type HubName, hubFolder } from './hub-name.ts';
import { selectHubFiles } from './hub-selection.ts';
import type { PullOptions } from './pull.ts';
import type { ResolvedModel } from './resolved-model.ts';

/** The model from the cache, or `null` where it is not there in full. Sizes are compared, not digests. */
export async function cachedHubModel(cache: string, hub: HubName): Promise<ResolvedModel | null> {
  const folder = hubFolder(cache, hub);
  const manifest = await readHubManifest(folder);
  if (manifest === null || !(await presentBytes(folder, manifest)).complete) return null;
  return resolved(folder, manifest);
}

/**
 * Downloads the chosen files of a repository at one commit into their folder of the cache. A pull
 * that was cut goes on from what it has; a complete one is checked, and asks the hub again only with `refresh`.
 */
export async function pullHubModel(
  hub: HubName,
  options: PullOptions & { readonly cache: string },
): Promise<ResolvedModel> {
  const folder = hubFolder(options.cache, hub);
  const choose = (files: readonly HubFile[]) => selectHubFiles(hub.repo, files, hub.file);
  return resolved(folder, await pullHubFiles(hub, folder, { ...options, type: 'model', choose }));
}

/** What a repository is asked for: part of its manifest. */
type Selection = Pick<HubManifest, 'kind' | 'weights'> & { readonly files: readonly HubFile[] };

export interface PullHubFilesOptions extends Omit<PullOptions, 'cache'> {
  readonly type: HubRepoType;
  /** Of all files, at one commit; throws where the wanted ones are not among them. */
  readonly choose: (files: readonly HubFile[]) => Selection;
}

/**
 * The chosen files of a repository in `folder`, complete and checked: see {@link pullHubModel}.
 *
 * @throws ModelNotFoundError or DataNotFoundError where there is no such repository or revision; DownloadError; the signal's reason.
 */
export async function pullHubFiles(
  hub: HubName,
  folder: string,
  { type, choose, signal, onProgress, refresh }: PullHubFilesOptions,
): Promise<HubManifest> {
  return withFileLock(join(folder, 'pull'), { signal }, async () => {
    const earlier = await readHubManifest(folder);
    const keep = earlier?.complete && !refresh;
    const manifest = keep ? earlier : await manifestOf(hub, type, choose, signal);
    const changed = !keep && !(earlier?.complete && earlier.commit === manifest.commit);
    if (changed) await writeHubManifest(folder, manifest);
    for (const file of manifest.files) await pullFile(manifest, type, file, folder, { signal, onProgress });
    const complete = { ...manifest, complete: true };
    if (changed) await writeHubManifest(folder, complete);
    return complete;
  });
}

async function manifestOf(
  hub: HubName,
  type: HubRepoType,
  choose: PullHubFilesOptions['choose'],
  signal: AbortSignal | undefined,
): Promise<HubManifest> {
  const name = formatHubName(hub);
  const { commit, files } = await listHubRepo(hub.repo, hub.revision, signal, type).catch((error) => {
    // The hub also answers 401 for a repository that does not exist; its own hint says both.
    const missing =
      error instanceof DownloadError &&
      error.causes.some((cause) => cause instanceof HttpStatusError && cause.status === 404);
    if (!missing) throw error;
    const what = hub.revision === 'main' ? hub.repo : `${hub.repo} at revision ${hub.revision}`;
    const advice = 'Check the spelling of the name and the revision.';
    throw type === 'dataset'
      ? new DataNotFoundError(name, `The hub has no data set ${what}. ${advice}`, { cause: error })
      : new ModelNotFoundError(name, `The hub has no ${what}. ${advice}`, { cause: error });
  });
  const { kind, weights, files: chosen } = choose(files);
  return { version: 1, name, repo: hub.repo, commit, kind, weights, complete: false, files: [...chosen] };
}

async function pullFile(
  { repo, commit }: HubManifest,
  type: HubRepoType,
  { path, size, sha256, gitOid }: HubFile,
  folder: string,
  { signal, onProgress }: Pick<PullOptions, 'signal' | 'onProgress'>,
): Promise<void> {
  const target = join(folder, ...path.split('/'));
  const url = hubFileUrl(repo, commit, path, type);
  await downloadFile(url, target, {
    size,
    sha256,
    gitOid,
    file: path,
    headers: hubHeaders(),
    signal,
    onProgress,
  });
}

function resolved(folder: string, { name, kind, weights, files }: HubManifest): ResolvedModel {
  // Data sets and vectors lie in other parts of the cache.
  if (kind === 'data' || kind === 'vector')
    throw new UnsupportedModelError(`${folder} holds a ${kind === 'data' ? 'data set' : kind}, not a model.`);
  const path = weights === null ? folder : join(folder, ...weights.split('/'));
  const tokenizerFolder = files.some((file) => file.path === 'tokenizer.json') ? folder : null;
  return { name, kind, path, tokenizerFolder };
}
