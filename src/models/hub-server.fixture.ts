import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { HubUploads } from './hub-uploads.fixture.ts';

export interface ServedFile {
  readonly bytes: Buffer;
  /** Large-file storage: the answer is a redirect that tells digest and size. */
  readonly lfs?: boolean;
}

/** Deals with a request instead of the server: true when it has. */
type Intercept = (request: IncomingMessage, response: ServerResponse) => boolean;

/** A hub on this machine that speaks the real one's routes, and misbehaves where a test asks for it. */
export class HubServer implements AsyncDisposable {
  readonly repos = new Map<string, Map<string, ServedFile>>();
  readonly uploads = new HubUploads(this.repos);
  readonly requests: { url: string; range: string | undefined; authorization: string | undefined }[] = [];
  readonly commit = 'c0ffee0000000000000000000000000000000000';
  ignoreRange = false;
  /** Files listed on one page of the tree. */
  pageSize = 1000;
  /** Taken one after the other by requests for bodies (`/cdn/` and plain `/resolve/`). */
  readonly intercepts: Intercept[] = [];
  readonly #server = createServer((request, response) => this.#answer(request, response));

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return this;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  add(repo: string, files: Readonly<Record<string, ServedFile>>): void {
    this.repos.set(repo, new Map(Object.entries(files)));
  }

  bodyRequests() {
    return this.requests.filter(({ url }) => url.startsWith('/cdn/'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '/', this.url);
    const { range, authorization } = request.headers;
    this.requests.push({ url: url.pathname, range, authorization });
    if (request.method !== 'GET') {
      void this.uploads.answer(request, response, url);
      return;
    }
    const info = /^\/api\/(?:model|dataset)s\/([^/]+\/[^/]+)\/revision\/([^/]+)$/.exec(url.pathname);
    const tree = /^\/api\/(?:model|dataset)s\/([^/]+\/[^/]+)\/tree\/([^/]+)$/.exec(url.pathname);
    const body = /^\/(cdn\/)?(?:datasets\/)?([^/]+\/[^/]+)\/resolve\/([^/]+)\/(.+)$/.exec(url.pathname);
    const repo = this.repos.get(info?.[1] ?? tree?.[1] ?? body?.[2] ?? '');
    const revision = decodeURIComponent(info?.[2] ?? tree?.[2] ?? body?.[3] ?? '');
    if (repo === undefined || !['main', 'refs/pr/1', this.commit].includes(revision)) {
      end(response, 404);
      return;
    }
    if (info) {
      json(response, { _id: '1', id: info[1], sha: this.commit, lastModified: '2025-01-01' });
      return;
    }
    if (tree) {
      this.#tree(url, repo, response);
      return;
    }
    const file = repo.get(decodeURIComponent(body?.[4] ?? ''));
    if (file === undefined) {
      end(response, 404);
      return;
    }
    const etag = file.lfs ? digest('sha256', file.bytes) : gitOid(file.bytes);
    response.setHeader('X-Repo-Commit', this.commit);
    if (file.lfs && !body?.[1]) {
      response.setHeader('X-Linked-Etag', `"${etag}"`);
      response.setHeader('X-Linked-Size', file.bytes.length);
      response.setHeader('Location', `/cdn${request.url}?signature=secret`);
      end(response, 302);
      return;
    }
    if (this.intercepts.shift()?.(request, response)) return;
    this.#body(request, response, file.bytes, `"${etag}"`);
  }

  #tree(url: URL, repo: Map<string, ServedFile>, response: ServerResponse): void {
    const all = [...repo].map(([path, { bytes, lfs }]) => ({
      type: 'file',
      path,
      size: bytes.length,
      oid: gitOid(bytes),
      ...(lfs ? { lfs: { oid: digest('sha256', bytes), size: bytes.length, pointerSize: 130 } } : {}),
    }));
    const from = Number(url.searchParams.get('cursor') ?? 0);
    if (from + this.pageSize < all.length) {
      url.searchParams.set('cursor', String(from + this.pageSize));
      response.setHeader('Link', `<${url.href}>; rel="next"`);
    }
    json(response, all.slice(from, from + this.pageSize));
  }

  #body(request: IncomingMessage, response: ServerResponse, bytes: Buffer, etag: string): void {
    response.setHeader('ETag', etag);
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? -1);
    const sameFile = (request.headers['if-range'] ?? etag) === etag;
    if (from < 0 || this.ignoreRange || !sameFile) {
      response.setHeader('Content-Length', bytes.length);
      response.end(bytes);
      return;
    }
    if (from >= bytes.length) {
      end(response, 416);
      return;
    }
    response.writeHead(206, {
      'Content-Range': `bytes ${from}-${bytes.length - 1}/${bytes.length}`,
      'Content-Length': bytes.length - from,
    });
    response.end(bytes.subarray(from));
  }
}

/** Sends the first `sent` bytes of `bytes` and cuts the connection. */
export function cutAfter(bytes: Buffer, sent: number, etag: string): Intercept {
  return (request, response) => {
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    response.setHeader('ETag', etag);
    response.setHeader('Content-Length', bytes.length - from);
    if (from > 0) response.setHeader('Content-Range', `bytes ${from}-${bytes.length - 1}/${bytes.length}`);
    response.writeHead(from > 0 ? 206 : 200);
    response.write(bytes.subarray(from, from + sent), () => setTimeout(() => response.destroy(), 30));
    return true;
  };
}

/** Sends the first `sent` bytes and then nothing, with the connection open. */
export function stallAfter(bytes: Buffer, sent: number, etag: string): Intercept {
  return (_request, response) => {
    response.writeHead(200, { ETag: etag, 'Content-Length': bytes.length });
    response.write(bytes.subarray(0, sent));
    return true;
  };
}

export function answerStatus(status: number, headers: Record<string, string> = {}): Intercept {
  return (_request, response) => {
    response.writeHead(status, headers).end('no');
    return true;
  };
}

export function answerBytes(bytes: Buffer, headers: Record<string, string | number> = {}): Intercept {
  return (_request, response) => {
    response.writeHead(200, { 'Content-Length': bytes.length, ...headers }).end(bytes);
    return true;
  };
}

export function digest(algorithm: 'sha256' | 'sha1', bytes: Buffer): string {
  return createHash(algorithm).update(bytes).digest('hex');
}

export function gitOid(bytes: Buffer): string {
  return digest('sha1', Buffer.concat([Buffer.from(`blob ${bytes.length}\0`), bytes]));
}

/** Bytes that are the same each time and do not compress. */
export function someBytes(length: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(length);
  let state = seed >>> 0 || 1;
  for (let index = 0; index < length; index++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[index] = state >>> 24;
  }
  return bytes;
}

function end(response: ServerResponse, status: number): void {
  response.statusCode = status;
  response.end();
}

function json(response: ServerResponse, value: unknown): void {
  response.setHeader('Content-Type', 'application/json');
  response.end(JSON.stringify(value));
}
