import { DataNotFoundError } from '../errors.ts';
import { dataExtensions, formatOfName } from './file-format.ts';

/** Names of splits that mean the same. */
const splits: Readonly<Record<string, readonly string[]>> = {
  train: ['train', 'training'],
  validation: ['validation', 'valid', 'val', 'dev'],
  test: ['test', 'testing'],
};
/** Files of rows, by their names, that hold no questions. */
const NOT_ROWS = /(^|\/)(\.|_)|(^|\/)(dataset_infos?|state|config|metadata|package)\.json$/i;

interface DataFile {
  readonly path: string;
  /** `train`, `validation`, `test`, or null where the path names none. */
  readonly split: string | null;
  /** What the path says beside that, e.g. `main` of `main/train-00000-of-00001.parquet`; '' where nothing. */
  readonly config: string;
}

/**
 * The files of one part of a data set, in order, from the paths of a repository or folder.
 *
 * @param wanted one of the paths; or a split (`test`; `dev` is `validation`), a config (`main`), or both (`main/test`),
 * as the paths name them. Null where there is but one part. Of several formats the first of {@link dataExtensions} is taken.
 * @throws DataNotFoundError listing the parts that there are.
 */
export function selectDataFiles(source: string, paths: readonly string[], wanted: string | null): string[] {
  if (wanted !== null && paths.includes(wanted)) return [wanted];
  const files = paths.filter((path) => formatOfName(path) !== null && !NOT_ROWS.test(path)).map(describe);
  const found = wanted === null ? files : files.filter((file) => isWanted(file, wanted));
  const parts = new Set(found.map(partName));
  if (parts.size !== 1) throw notOnePart(source, files, wanted, [...parts]);
  const format = dataExtensions
    .map(formatOfName)
    .find((each) => found.some(({ path }) => formatOfName(path) === each));
  return found
    .map(({ path }) => path)
    .filter((path) => formatOfName(path) === format)
    .sort();
}

function isWanted(file: DataFile, wanted: string): boolean {
  if (wanted === file.config || wanted === partName(file)) return true;
  const at = wanted.lastIndexOf('/');
  const [config, split] = at < 0 ? [null, wanted] : [wanted.slice(0, at), wanted.slice(at + 1)];
  const isSplit = file.split === (splitOf(split) ?? split);
  return isSplit && (config === null || config === file.config);
}

function describe(path: string): DataFile {
  const folders = path.split('/');
  const stem = folders
    .pop()!
    .replace(/\.[a-z]+$/i, '')
    .replace(/-\d{5}-of-\d{5}(-[0-9a-f]+)?$/, '');
  const split = splitOf(stem) ?? folders.map(splitOf).findLast((each) => each !== null) ?? null;
  const rest = [...folders, stem]
    .map(withoutSplit)
    .filter((part) => part !== '' && !/^(data|default|\d+)$/i.test(part));
  return { path, split, config: rest.join('/') };
}

/** The split that a part of a path names as one of its words. */
function splitOf(part: string): string | null {
  const words = part.toLowerCase().split(/[^a-z0-9]+/);
  return Object.entries(splits).find(([, names]) => words.some((word) => names.includes(word)))?.[0] ?? null;
}

function withoutSplit(part: string): string {
  const all = Object.values(splits).flat().join('|');
  const plain = part.replace(new RegExp(`(^|[^A-Za-z0-9])(${all})(?![A-Za-z0-9])`, 'gi'), '$1');
  return plain.replace(/^[^A-Za-z0-9]+|[^A-Za-z0-9]+$/g, '');
}

function partName({ config, split }: DataFile): string {
  return [config, split].filter((part) => part !== '' && part !== null).join('/');
}

function notOnePart(
  source: string,
  files: readonly DataFile[],
  wanted: string | null,
  parts: readonly string[],
): DataNotFoundError {
  const all = [...new Set(files.map(partName))].filter((part) => part !== '').sort();
  const shown = all.slice(0, 24).join(', ') + (all.length > 24 ? ` and ${all.length - 24} more` : '');
  if (files.length === 0) {
    return new DataNotFoundError(
      source,
      `${source} has no files of rows: expected ${dataExtensions.join(', ')}.`,
    );
  }
  if (parts.length === 0) {
    const has = shown === '' ? `files such as ${files[0]!.path}` : shown;
    return new DataNotFoundError(source, `${source} has no part "${wanted}". It has ${has}.`);
  }
  const example = parts.find((part) => part !== '') ?? files[0]!.path;
  return new DataNotFoundError(
    source,
    `${source} has several parts${wanted === null ? '' : ` that "${wanted}" may mean`}: ${wanted === null ? shown : parts.join(', ')}. Name one after a colon, e.g. ${source}:${example}.`,
  );
}
