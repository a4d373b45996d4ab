import { basename } from 'node:path';
import { createRepo, HubApiError, uploadFiles } from '@huggingface/hub';
import { DownloadError, InvalidArgumentError, KvSteerError, UploadError } from '../errors.ts';
import { describeFailure, HttpStatusError, openUrl } from '../models/http.ts';
import {
  assertHubAllowed,
  type HubFile,
  hubEndpoint,
  hubFileUrl,
  hubHeaders,
  listHubRepo,
} from '../models/hub.ts';
import { isSafeRelative, parseHubName } from '../models/hub-name.ts';
import { vectorToBytes } from '../vectors/vector-bytes.ts';
import { loadVector } from '../vectors/vector-file.ts';
import { hubFetch } from './hub-fetch.ts';
import { cardMark, vectorCard } from './vector-card.ts';

export interface PushVectorOptions {
  /** Name in the repository, ending in `.safetensors`. Default: the file's own. */
  readonly file?: string;
  /** For a repository that is made by this push: only its owner sees it. Default false. */
  readonly private?: boolean;
  readonly signal?: AbortSignal;
}

export interface PushedVector {
  /** `owner/name` */
  readonly repo: string;
  readonly file: string;
  /** Page of the repository. */
  readonly url: string;
  readonly commit: string;
  /** Whether the repository was made. */
  readonly created: boolean;
  /** `kept`: the README.md there was written by someone, or is another vector's card. */
  readonly card: 'written' | 'kept';
}

const cardFile = 'README.md';
const maxCardBytes = 2 ** 20;

/**
 * Uploads a vector with its card to a model repository of the hub, in one commit; the repository is made where there is
 * none. What goes up is what a strict reader understood of the file, no byte else. The token comes from `HF_TOKEN`,
 * the hub's address from `HF_ENDPOINT`. Pushing again changes only what differs.
 *
 * @param path a vector file. @param repo `owner/name`.
 * @throws InvalidFileError for what is no vector; InvalidArgumentError for a repository or file name out of form, or no
 * token; UploadError; DownloadError where the repository cannot be looked at; the signal's reason.
 */
export async function pushVector(
  path: string,
  repo: string,
  options: PushVectorOptions = {},
): Promise<PushedVector> {
  const { file = basename(path), signal } = options;
  requireNames(repo, file);
  const vector = await loadVector(path);
  assertHubAllowed();
  const accessToken = requireToken();
  const hubUrl = hubEndpoint();
  const common = { repo, hubUrl, accessToken, fetch: hubFetch(signal) };
  signal?.throwIfAborted();
  const there = await existing(repo, signal);
  try {
    if (there === null) {
      await createRepo({ ...common, visibility: options.private ? 'private' : 'public' });
    }
    const ownsCard = await mayWriteCard(repo, file, there, signal);
    const files = [{ path: file, content: new Blob([new Uint8Array(vectorToBytes(vector))]) }];
    if (ownsCard) files.push({ path: cardFile, content: new Blob([vectorCard(vector, file, repo)]) });
    const output = await uploadFiles({
      ...common,
      files,
      commitTitle: `Add ${file}`,
      // A vector is small, and the plain upload is one request.
      useXet: false,
      ...(signal && { abortSignal: signal }),
    });
    return {
      repo,
      file,
      url: `${hubUrl}/${repo}`,
      commit: output?.commit.oid ?? '',
      created: there === null,
      card: ownsCard ? 'written' : 'kept',
    };
  } catch (error) {
    signal?.throwIfAborted();
    throw failure(repo, error);
  }
}

function requireNames(repo: string, file: string): void {
  const hub = parseHubName(repo);
  if (hub === null || hub.file !== null || hub.revision !== 'main') {
    throw new InvalidArgumentError('repo', `Expected owner/name on the hub, not ${JSON.stringify(repo)}.`);
  }
  if (!isSafeRelative(file) || !/^[\w.-]+(\/[\w.-]+)*\.safetensors$/.test(file)) {
    throw new InvalidArgumentError(
      'file',
      `The name in the repository must be letters, digits, "-", "_" and ".", and end in .safetensors; it is ${JSON.stringify(file)}. Give another.`,
    );
  }
}

function requireToken(): string {
  const token = hubHeaders().Authorization?.slice('Bearer '.length);
  if (token?.startsWith('hf_')) return token;
  throw new InvalidArgumentError(
    'HF_TOKEN',
    `Pushing needs a token of the hub with write access: set HF_TOKEN${token === undefined ? '' : ' (it begins with hf_)'}.`,
  );
}

/** The repository's files, or null where there is none. */
async function existing(
  repo: string,
  signal: AbortSignal | undefined,
): Promise<{ readonly commit: string; readonly files: readonly HubFile[] } | null> {
  try {
    return await listHubRepo(repo, 'main', signal);
  } catch (error) {
    const missing =
      error instanceof DownloadError &&
      error.causes.some((cause) => cause instanceof HttpStatusError && cause.status === 404);
    if (missing) return null;
    throw error;
  }
}

/** A card that someone wrote, or that tells of another vector, stays. */
async function mayWriteCard(
  repo: string,
  file: string,
  there: Awaited<ReturnType<typeof existing>>,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const card = there?.files.find(({ path }) => path === cardFile);
  if (there === null || card === undefined || card.size === 0) return true;
  if (card.size > maxCardBytes) return false;
  const { response } = await openUrl(hubFileUrl(repo, there.commit, cardFile), {
    headers: hubHeaders(),
    ...(signal && { signal }),
  });
  if (!response.ok) {
    await response.body?.cancel();
    return false;
  }
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > maxCardBytes) return false;
  }
  return text.includes(cardMark(file));
}

function failure(repo: string, error: unknown): KvSteerError {
  if (KvSteerError.isInstance(error)) return error;
  const status = error instanceof HubApiError ? error.statusCode : null;
  const hint =
    status === 401 || status === 403
      ? ' HF_TOKEN must be valid and allow writing there.'
      : status === 409 || status === 412
        ? ' Someone else may be writing there: push again.'
        : ' Nothing was committed; push again when the cause is gone.';
  const answered = status === null ? describeFailure(error) : `HTTP ${status}, ${describeFailure(error)}`;
  return new UploadError(`${repo} could not be written to: ${answered}.${hint}`, { cause: error });
}
