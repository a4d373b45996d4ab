import { setTimeout as sleep } from 'node:timers/promises';
import { datasetInfo, listFiles, modelInfo } from '@huggingface/hub';
import { DownloadError, InvalidArgumentError, KvSteerError } from '../errors.ts';
import {
  describeFailure,
  HttpStatusError,
  isTransient,
  isUnreachable,
  openUrl,
  statusError,
  withoutQuery,
} from './http.ts';

const MAX_ANSWER_BYTES = 16 * 2 ** 20;
const MAX_FILES = 20_000;
const ANSWER_TIMEOUT_MS = 60_000;

export interface HubFile {
  /** Inside the repository. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** For files in large-file storage. */
  readonly sha256: string | null;
  /** For the others. */
  readonly gitOid: string | null;
}

/** Where the hub is: `$HF_ENDPOINT` or its public address. No trailing slash. */
export function hubEndpoint(env: NodeJS.ProcessEnv = process.env): string {
  const endpoint = (env.HF_ENDPOINT || 'https://huggingface.co').trim().replace(/\/+$/, '');
  if (!URL.canParse(endpoint) || !/^https?:$/.test(new URL(endpoint).protocol)) {
    throw new InvalidArgumentError(
      'HF_ENDPOINT',
      `HF_ENDPOINT must be an http or https address; it is "${endpoint}".`,
    );
  }
  return endpoint;
}

/** The login header from `$HF_TOKEN`; none where it is not set. */
export function hubHeaders(env: NodeJS.ProcessEnv = process.env): Record<string, string> {
  const token = env.HF_TOKEN?.trim();
  if (!token) return {};
  if (!/^[\x21-\x7e]+$/.test(token)) {
    throw new InvalidArgumentError('HF_TOKEN', 'HF_TOKEN holds characters that no token has. Set it again.');
  }
  return { Authorization: `Bearer ${token}` };
}

/** Where `$HF_HUB_OFFLINE` forbids the hub, a DownloadError that says so. */
export function assertHubAllowed(env: NodeJS.ProcessEnv = process.env): void {
  if (/^(1|true|yes|on)$/i.test(env.HF_HUB_OFFLINE ?? '')) {
    throw new DownloadError('HF_HUB_OFFLINE is set, so the hub was not asked. Unset it to download.', []);
  }
}

/** Data sets have repositories of their own, so `owner/name` may be both. */
export type HubRepoType = 'model' | 'dataset';

/** Address of one file. */
export function hubFileUrl(
  repo: string,
  revision: string,
  path: string,
  type: HubRepoType = 'model',
): string {
  const file = path.split('/').map(encodeURIComponent).join('/');
  const place = type === 'dataset' ? `datasets/${repo}` : repo;
  return `${hubEndpoint()}/${place}/resolve/${encodeURIComponent(revision)}/${file}`;
}

/**
 * All files of a repository at one commit, so that a push in between never mixes two versions.
 *
 * @throws DownloadError (an HttpStatusError among `causes` for a status); the signal's reason.
 */
export async function listHubRepo(
  repo: string,
  revision: string,
  signal?: AbortSignal,
  type: HubRepoType = 'model',
): Promise<{ commit: string; files: HubFile[] }> {
  assertHubAllowed();
  const hubUrl = hubEndpoint();
  const fetch = boundedFetch(signal);
  try {
    const asked = { name: repo, revision, hubUrl, fetch };
    const { sha } =
      type === 'dataset'
        ? await datasetInfo({ ...asked, additionalFields: ['sha'] })
        : await modelInfo({ ...asked, additionalFields: ['sha'] });
    // Some mirrors do not tell the commit; then the revision has to do.
    const commit = typeof sha === 'string' && /^[0-9a-f]{40}$/.test(sha) ? sha : revision;
    const files: HubFile[] = [];
    const at = {
      repo: { type, name: repo },
      revision: encodeURIComponent(commit),
      recursive: true,
      hubUrl,
      fetch,
    };
    for await (const entry of listFiles(at)) {
      if (entry.type !== 'file') continue;
      if (files.length >= MAX_FILES) throw new DownloadError(`${repo} has more than ${MAX_FILES} files.`, []);
      files.push(checkedEntry(repo, entry));
    }
    return { commit, files };
  } catch (error) {
    signal?.throwIfAborted();
    if (KvSteerError.isInstance(error) && !(error instanceof HttpStatusError)) throw error;
    throw new DownloadError(`The files of ${repo} could not be listed: ${describeFailure(error)}`, [error]);
  }
}

interface Entry {
  readonly path: unknown;
  readonly size: unknown;
  readonly oid?: unknown;
  readonly lfs?: { readonly oid?: unknown; readonly size?: unknown };
}

function checkedEntry(repo: string, { path, size: pointerOrSize, oid, lfs }: Entry): HubFile {
  const size = lfs?.size ?? pointerOrSize;
  if (typeof path !== 'string' || typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) {
    throw new DownloadError(`The list of files of ${repo} is not one: an entry has no path or size.`, []);
  }
  const hex = (value: unknown, digits: number) =>
    typeof value === 'string' && value.length === digits && /^[0-9a-f]+$/.test(value) ? value : null;
  return { path, size, sha256: hex(lfs?.oid, 64), gitOid: lfs ? null : hex(oid, 40) };
}

/** `fetch` for the hub's library: bounded answers, a few tries, the token for the endpoint's own origin only. */
function boundedFetch(signal: AbortSignal | undefined): typeof fetch {
  const origin = new URL(hubEndpoint()).origin;
  return async (input) => {
    const url = String(input instanceof Request ? input.url : input);
    if (new URL(url).origin !== origin) {
      throw new DownloadError(
        `The hub's answer goes on at another server, ${withoutQuery(url)}; refused.`,
        [],
      );
    }
    for (let tries = 1; ; tries++) {
      try {
        return await fetchWhole(url, signal);
      } catch (error) {
        signal?.throwIfAborted();
        if (!isTransient(error) || tries >= (isUnreachable(error) ? 2 : 4)) throw error;
        await sleep(250 * 2 ** tries, undefined, signal ? { signal } : {});
      }
    }
  };
}

async function fetchWhole(url: string, signal: AbortSignal | undefined): Promise<Response> {
  const timeout = AbortSignal.timeout(ANSWER_TIMEOUT_MS);
  const both = signal ? AbortSignal.any([signal, timeout]) : timeout;
  const { response } = await openUrl(url, {
    headers: { Accept: 'application/json', ...hubHeaders() },
    signal: both,
  });
  if (!response.ok) throw await statusError(url, response);
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > MAX_ANSWER_BYTES) {
      throw new DownloadError(`${withoutQuery(url)} answers with more than ${MAX_ANSWER_BYTES} bytes.`, []);
    }
    chunks.push(chunk);
  }
  const headers = new Headers({ 'content-type': 'application/json' });
  const link = response.headers.get('link');
  if (link !== null) headers.set('link', link);
  return new Response(Buffer.concat(chunks), { status: 200, headers });
}
