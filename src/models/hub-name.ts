import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { InvalidArgumentError } from '../errors.ts';

/** `owner/name`, `owner/name@revision`, `owner/name:file`, `owner/name@revision:file`. */
export interface HubName {
  /** `owner/name` */
  readonly repo: string;
  /** Branch, tag or commit; `main` where none is given. */
  readonly revision: string;
  /** One weights file of the repository, or `null` for the default choice. */
  readonly file: string | null;
}

const PART = '[A-Za-z0-9_][A-Za-z0-9_.-]{0,95}';
const NAME = new RegExp(`^(${PART}/${PART})(?:@([^:@]{1,255}))?(?::([^:]{1,512}))?$`);

/** The parts of a hub id, or `null` where `name` does not have the form of one. Says nothing about whether it exists. */
export function parseHubName(name: string): HubName | null {
  const match = NAME.exec(name);
  if (match?.[1] === undefined) return null;
  const [, repo, revision = 'main', file = null] = match;
  if (repo.split('/').some((part) => part.endsWith('.') || part.includes('..'))) return null;
  if (!isSafeRelative(revision) || (file !== null && !isSafeRelative(file))) {
    throw new InvalidArgumentError(
      'model',
      `${name}: the revision and the file must not be absolute or contain "..".`,
    );
  }
  return { repo, revision, file };
}

export function formatHubName({ repo, revision, file }: HubName): string {
  return `${repo}${revision === 'main' ? '' : `@${revision}`}${file === null ? '' : `:${file}`}`;
}

/** The folder of one choice of files inside the cache. Different names never share one. */
export function hubFolder(cache: string, name: HubName): string {
  const plain = name.revision.replace(/[^A-Za-z0-9._-]/g, '_');
  const exact = name.file === null && plain === name.revision;
  const hash = createHash('sha256').update(formatHubName(name)).digest('hex').slice(0, 12);
  return join(cache, 'hub', ...name.repo.split('/'), exact ? plain : `${plain}+${hash}`);
}

/** Whether a path from outside stays inside the folder it is joined to, on every platform. */
export function isSafeRelative(path: string): boolean {
  if (path === '' || path.length > 512 || /[\\:\0]/.test(path) || path.startsWith('/')) return false;
  return path.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
}
