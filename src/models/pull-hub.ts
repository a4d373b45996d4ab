import { join } from 'node:path';
import { DownloadError, ModelNotFoundError } from '../errors.ts';
import { downloadFile } from './download.ts';
import { withFileLock } from './file-lock.ts';
import { HttpStatusError } from './http.ts';
import { type HubFile, hubFileUrl, hubHeaders, listHubRepo } from './hub.ts';
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
  const { signal, onProgress } = options;
  return withFileLock(join(folder, 'pull'), { signal }, async () => {
    const earlier = await readHubManifest(folder);
    const keep = earlier?.complete && !options.refresh;
    const manifest = keep ? earlier : await choose(hub, signal);
    const changed = !keep && !(earlier?.complete && earlier.commit === manifest.commit);
    if (changed) await writeHubManifest(folder, manifest);
    for (const file of manifest.files) await pullFile(manifest, file, folder, { signal, onProgress });
    const complete = { ...manifest, complete: true };
    if (changed) await writeHubManifest(folder, complete);
    return resolved(folder, complete);
  });
}

async function choose(hub: HubName, signal: AbortSignal | undefined): Promise<HubManifest> {
  const name = formatHubName(hub);
  const { commit, files } = await listHubRepo(hub.repo, hub.revision, signal).catch((error) => {
    // The hub also answers 401 for a repository that does not exist; its own hint says both.
    const missing =
      error instanceof DownloadError &&
      error.causes.some((cause) => cause instanceof HttpStatusError && cause.status === 404);
    if (!missing) throw error;
    const what = hub.revision === 'main' ? hub.repo : `${hub.repo} at revision ${hub.revision}`;
    throw new ModelNotFoundError(
      name,
      `The hub has no ${what}. Check the spelling of the name and the revision.`,
      {
        cause: error,
      },
    );
  });
  const selection = selectHubFiles(hub.repo, files, hub.file);
  const { kind, weights } = selection;
  return {
    version: 1,
    name,
    repo: hub.repo,
    commit,
    kind,
    weights,
    complete: false,
    files: [...selection.files],
  };
}

async function pullFile(
  { repo, commit }: HubManifest,
  { path, size, sha256, gitOid }: HubFile,
  folder: string,
  { signal, onProgress }: Pick<PullOptions, 'signal' | 'onProgress'>,
): Promise<void> {
  const target = join(folder, ...path.split('/'));
  const url = hubFileUrl(repo, commit, path);
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
  const path = weights === null ? folder : join(folder, ...weights.split('/'));
  const tokenizerFolder = files.some((file) => file.path === 'tokenizer.json') ? folder : null;
  return { name, kind, path, tokenizerFolder };
}
