import { createHash } from 'node:crypto';
import { readdir, rm, stat } from 'node:fs/promises';
import { basename, join, relative, sep } from 'node:path';
import { DataNotFoundError, DownloadError, InvalidFileError } from '../errors.ts';
import { cacheFolder } from '../models/cache-folder.ts';
import { downloadFile } from '../models/download.ts';
import { describeFailure, withoutQuery } from '../models/http.ts';
import type { HubFile } from '../models/hub.ts';
import { type HubName, hubFolder, parseHubName } from '../models/hub-name.ts';
import { packageRoot } from '../models/package-root.ts';
import type { ModelProgressListener } from '../models/progress.ts';
import { pullHubFiles } from '../models/pull-hub.ts';
import { closestNames } from '../models/suggest.ts';
import { dataExtensions, formatOfName } from './file-format.ts';
import { BUNDLED, type KnownSet, knownSets, stemOf } from './known-sets.ts';
import { selectDataFiles } from './select-files.ts';

export interface LocateOptions {
  /** Known sets are looked for here first, e.g. `gsm8k_train.jsonl`. Default `$KVSTEER_DATA`, else nowhere. */
  readonly folder?: string | undefined;
  /** Where downloads are kept; default the folder that models are kept in. */
  readonly cache?: string | undefined;
  /** Fetch anew what is cached. Default false. */
  readonly refresh?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ModelProgressListener | undefined;
}

/** Where the rows of a source are, on this machine. */
export interface Located {
  readonly files: readonly string[];
  /** Ids of rows that have none begin with it. */
  readonly prefix: string;
  /** For rows that do not say it themselves. */
  readonly source: string | null;
  readonly licence: string | null;
}

const MAX_URL_BYTES = 2 ** 30;
const MAX_HUB_BYTES = 4 * 2 ** 30;
/** Entries of a folder that are looked at. */
const MAX_ENTRIES = 20_000;

/**
 * The files of a source, downloaded where they are not here yet: see `loadQuestions` for what a source is.
 *
 * @throws DataNotFoundError, DownloadError; the signal's reason.
 */
export async function locate(source: string, options: LocateOptions): Promise<Located> {
  if (/^https?:\/\//i.test(source)) return locateUrl(source, options);
  const local = await locateLocal(source);
  if (local !== null) return local;
  const known = parseKnown(source);
  if (known !== null) return locateKnown(known.set, known.split, options);
  const hub = formatOfName(source) !== null && !source.includes(':') ? null : parseHubName(source);
  if (hub !== null) return locateHub(hub, source, options);
  const names = knownSets.flatMap(({ name, splits }) =>
    Object.keys(splits).map((split) => `${name}:${split}`),
  );
  // What looks like a path is meant as one.
  if (formatOfName(source) !== null || /^([./~\\]|[A-Za-z]:[\\/])/.test(source)) {
    throw new DataNotFoundError(source, `There is no file or folder ${source}. Check the path.`);
  }
  const close = closestNames(source, names);
  throw new DataNotFoundError(
    source,
    `There is no file or folder ${source}, and no question set of that name.${close.length > 0 ? ` Did you mean ${close.join(' or ')}?` : ` Known are ${names.join(', ')}; or give a path, a hub id (owner/name:split) or an address.`}`,
  );
}

/** A file; a folder; or a folder and a part of it after a colon. */
async function locateLocal(source: string): Promise<Located | null> {
  const whole = await kindOf(source);
  if (whole === 'file') return { files: [source], prefix: stem(source), source: null, licence: null };
  const at = source.lastIndexOf(':');
  const [folder, part] =
    whole === 'folder' || at < 1 ? [source, null] : [source.slice(0, at), source.slice(at + 1)];
  if (whole !== 'folder' && (part === null || (await kindOf(folder)) !== 'folder')) return null;
  const chosen = selectDataFiles(folder, await filesBelow(folder), part);
  const files = chosen.map((path) => join(folder, ...path.split('/')));
  return { files, prefix: stem(files[0]!), source: null, licence: null };
}

async function kindOf(path: string): Promise<'file' | 'folder' | null> {
  const found = await stat(path).catch(() => null);
  return found === null ? null : found.isDirectory() ? 'folder' : 'file';
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  if (entries.length > MAX_ENTRIES) {
    throw new InvalidFileError(folder, `holds more than ${MAX_ENTRIES} entries. Name one of its folders.`);
  }
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/'));
}

/** `gsm8k:test`: null where no set has that name. @throws DataNotFoundError for a split that the set has not. */
function parseKnown(source: string): { set: KnownSet; split: string } | null {
  const [name, split, ...rest] = source.split(':');
  const set = knownSets.find((each) => each.name === name?.toLowerCase());
  if (set === undefined || rest.length > 0) return null;
  const splits = Object.keys(set.splits);
  if (split !== undefined && splits.includes(split)) return { set, split };
  const asked =
    split === undefined
      ? `Name a split of ${set.name}`
      : `${set.name} has no split "${split}". Name one of its own`;
  throw new DataNotFoundError(source, `${asked}: ${splits.map((each) => `${set.name}:${each}`).join(', ')}.`);
}

async function locateKnown(set: KnownSet, split: string, options: LocateOptions): Promise<Located> {
  const { source, licence } = set;
  const about = { prefix: `${set.name}-${split}`, source, licence };
  const here = await fileInFolder(stemOf(set.name, split), options.folder ?? process.env.KVSTEER_DATA);
  if (here !== null) return { ...about, files: [here] };
  const causes: unknown[] = [];
  const places = set.splits[split]!;
  for (const place of places) {
    if (place === BUNDLED) {
      return { ...about, files: [join(packageRoot(), 'models', 'data', `${stemOf(set.name, split)}.jsonl`)] };
    }
    try {
      return { ...(await locate(place, options)), ...about };
    } catch (error) {
      options.signal?.throwIfAborted();
      causes.push(error);
    }
  }
  const tried = places.map((place, index) => `  ${place}: ${describeFailure(causes[index])}`);
  throw new DownloadError(
    [
      `${set.name}:${split} could not be had:`,
      ...tried,
      `Check the connection, or set HF_ENDPOINT to a mirror. Or put ${stemOf(set.name, split)}.jsonl into a folder and name the folder: KVSTEER_DATA, --data-folder.`,
    ].join('\n'),
    causes,
  );
}

async function fileInFolder(name: string, folder: string | undefined): Promise<string | null> {
  if (!folder) return null;
  if ((await kindOf(folder)) !== 'folder') {
    throw new DataNotFoundError(folder, `The data folder ${folder} is no folder. Name one that is, or none.`);
  }
  for (const extension of dataExtensions) {
    const path = join(folder, name + extension);
    if ((await kindOf(path)) === 'file') return path;
  }
  return null;
}

async function locateHub(hub: HubName, source: string, options: LocateOptions): Promise<Located> {
  const cache = options.cache ?? cacheFolder();
  const folder = hubFolder(join(cache, 'data'), hub);
  const choose = (all: readonly HubFile[]) => {
    const paths = selectDataFiles(
      hub.repo,
      all.map(({ path }) => path),
      hub.file,
    );
    const files = all.filter(({ path }) => paths.includes(path));
    const bytes = files.reduce((sum, { size }) => sum + size, 0);
    if (bytes > MAX_HUB_BYTES) {
      throw new DownloadError(`${source} has ${bytes} bytes; at most ${MAX_HUB_BYTES} are fetched.`, []);
    }
    return { kind: 'data' as const, weights: null, files };
  };
  const { files } = await pullHubFiles(hub, folder, { ...options, type: 'dataset', choose });
  const paths = files.map(({ path }) => join(folder, ...path.split('/'))).sort();
  return { files: paths, prefix: basename(hub.repo), source: hub.repo, licence: null };
}

async function locateUrl(url: string, options: LocateOptions): Promise<Located> {
  if (!URL.canParse(url)) throw new DataNotFoundError(url, `${url} is not an address that can be opened.`);
  const { cache = cacheFolder(), refresh = false, signal, onProgress } = options;
  const name = decodedName(url);
  const digest = createHash('sha256').update(url).digest('hex').slice(0, 16);
  const target = join(cache, 'data', 'url', digest, name);
  if (refresh) await rm(target, { force: true });
  if ((await kindOf(target)) !== 'file') {
    await downloadFile(url, target, { maxBytes: MAX_URL_BYTES, file: name, signal, onProgress });
  }
  return { files: [target], prefix: stem(name), source: withoutQuery(url), licence: null };
}

/** The last part of the address, as a file name that every system takes. */
function decodedName(url: string): string {
  const last = new URL(url).pathname.split('/').at(-1) ?? '';
  const plain = last.replace(/%[0-9a-f]{2}/gi, '_').replace(/[^A-Za-z0-9._-]/g, '_');
  return plain.replace(/^\.+/, '').slice(-100) || 'rows';
}

function stem(path: string): string {
  return basename(path).replace(/\.[a-z]+$/i, '');
}
