import { DownloadError, KvSteerError } from '../errors.ts';

const MAX_REDIRECTS = 8;

/** A server answered with a status that is not success. Found among the `causes` of a DownloadError. */
export class HttpStatusError extends KvSteerError {
  readonly status: number;
  readonly url: string;
  /** What the server asked for in `Retry-After`, else `null`. */
  readonly retryAfterMs: number | null;
  constructor(status: number, url: string, retryAfterMs: number | null = null) {
    super('download-failed', `${withoutQuery(url)} answered HTTP ${status}${statusHint(status)}`);
    this.status = status;
    this.url = url;
    this.retryAfterMs = retryAfterMs;
  }
}

export interface OpenedUrl {
  readonly response: Response;
  /** `X-Linked-Etag` of any hop: for a large file of the hub its sha256 (64 hex digits). Quotes removed. */
  readonly linkedEtag: string | null;
  /** `X-Linked-Size` of any hop. */
  readonly linkedSize: number | null;
}

export interface OpenUrlOptions {
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * GET with redirects followed by hand: the hub tells a large file's digest and size on the redirect itself, which
 * `fetch` would hide. `Authorization` is sent to the first origin only, and https never falls back to http.
 * Any status but a redirect is returned as it is.
 *
 * @throws DownloadError for a bad redirect; what `fetch` throws; the signal's reason.
 */
export async function openUrl(url: string, options: OpenUrlOptions = {}): Promise<OpenedUrl> {
  const first = new URL(url);
  let current = first;
  let linkedEtag: string | null = null;
  let linkedSize: number | null = null;
  for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
    // Compressed bodies have no usable Range or Content-Length.
    const headers = new Headers({
      'User-Agent': 'kvsteer',
      ...options.headers,
      'Accept-Encoding': 'identity',
    });
    if (current.origin !== first.origin) headers.delete('Authorization');
    const response = await fetch(current, { headers, redirect: 'manual', signal: options.signal ?? null });
    linkedEtag ??= unquoted(response.headers.get('x-linked-etag'));
    linkedSize ??= byteCount(response.headers.get('x-linked-size'));
    if (![301, 302, 303, 307, 308].includes(response.status)) return { response, linkedEtag, linkedSize };
    await response.body?.cancel();
    const location = response.headers.get('location');
    const next = location === null || !URL.canParse(location, current) ? null : new URL(location, current);
    if (next === null || !['http:', 'https:'].includes(next.protocol)) {
      throw new DownloadError(`${withoutQuery(url)} redirects to nowhere that can be opened.`, []);
    }
    if (current.protocol === 'https:' && next.protocol === 'http:') {
      throw new DownloadError(`${withoutQuery(url)} redirects from https to http; refused.`, []);
    }
    current = next;
  }
  throw new DownloadError(`${withoutQuery(url)} redirects more than ${MAX_REDIRECTS} times.`, []);
}

/** The error for a response whose status is not success; its body is discarded. */
export async function statusError(url: string, response: Response): Promise<HttpStatusError> {
  await response.body?.cancel();
  const seconds = Number(response.headers.get('retry-after') ?? Number.NaN);
  return new HttpStatusError(
    response.status,
    url,
    Number.isFinite(seconds) ? Math.max(0, seconds * 1000) : null,
  );
}

/** A whole non-negative number of bytes from a header, else `null`. */
export function byteCount(header: string | null): number | null {
  if (header === null || !/^\d{1,15}$/.test(header.trim())) return null;
  return Number(header);
}

export function unquoted(etag: string | null): string | null {
  return etag === null
    ? null
    : etag
        .trim()
        .replace(/^W\//, '')
        .replace(/^"(.*)"$/, '$1');
}

/** Signed URLs carry secrets in their query: messages go without it. */
export function withoutQuery(url: string): string {
  if (!URL.canParse(url)) return url;
  const { origin, pathname } = new URL(url);
  return `${origin}${pathname}`;
}

/** One line for an error of `fetch` or of the file system: its innermost message and code. */
export function describeFailure(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (KvSteerError.isInstance(error)) return error.message;
  const inner = error.cause instanceof Error ? error.cause : error;
  const code = (inner as NodeJS.ErrnoException).code;
  const text = inner.message || error.message;
  return code && !text.includes(code) ? `${text} (${code})` : text || code || inner.name;
}

/** Whether the same request may work when it is made again. */
export function isTransient(error: unknown): boolean {
  if (error instanceof HttpStatusError) return error.status >= 500 || [408, 425, 429].includes(error.status);
  if (KvSteerError.isInstance(error)) return false;
  const code = failureCode(error);
  // `fetch` gives every network failure a cause; without one the request itself is wrong (e.g. a bad header).
  if (error instanceof TypeError && error.cause === undefined) return false;
  return !/^(CERT_|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO|ERR_TLS|ERR_INVALID_URL)/.test(code);
}

/** No server was reached at all; more than one further try rarely helps. */
export function isUnreachable(error: unknown): boolean {
  return ['ENOTFOUND', 'ECONNREFUSED', 'ENETUNREACH', 'EHOSTUNREACH', 'UND_ERR_CONNECT_TIMEOUT'].includes(
    failureCode(error),
  );
}

function failureCode(error: unknown): string {
  if (!(error instanceof Error)) return '';
  const inner = error.cause instanceof Error ? error.cause : error;
  return (inner as NodeJS.ErrnoException).code ?? '';
}

function statusHint(status: number): string {
  if (status === 401)
    return ' (not logged in, or no such repository: set HF_TOKEN if it is gated or private).';
  if (status === 403) return ' (not allowed: accept the terms on its page and set HF_TOKEN).';
  if (status === 404) return ' (not found: check the name, revision and file).';
  if (status === 429) return ' (too many requests: try again later).';
  return '.';
}
