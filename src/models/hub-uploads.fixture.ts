import type { IncomingMessage, ServerResponse } from 'node:http';
import { digest, type ServedFile } from './hub-server.fixture.ts';

/** What a push does to a hub: the routes that `@huggingface/hub` calls to make a repository and to commit to it. */
export class HubUploads {
  /** The only one that may write. */
  token = 'hf_writer';
  readonly created: { name: string; visibility: unknown }[] = [];
  readonly commits: { repo: string; summary: string; files: string[] }[] = [];
  /** Headers of each upload to the large-file store: the token has no business there. */
  readonly storeHeaders: IncomingMessage['headers'][] = [];
  /** Answered once instead of the commit. */
  failCommitWith: number | null = null;
  readonly #repos: Map<string, Map<string, ServedFile>>;
  readonly #store = new Map<string, Buffer>();

  constructor(repos: Map<string, Map<string, ServedFile>>) {
    this.#repos = repos;
  }

  async answer(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
    const body = await bodyOf(request);
    const stored = /^\/store\/([0-9a-f]{64})$/.exec(url.pathname);
    if (request.method === 'PUT' && stored) {
      this.storeHeaders.push(request.headers);
      const isRight = digest('sha256', body) === stored[1];
      if (isRight) this.#store.set(stored[1]!, body);
      send(response, isRight ? 200 : 400, {});
      return;
    }
    if (request.method !== 'POST') {
      send(response, 405, {});
      return;
    }
    if (request.headers.authorization !== `Bearer ${this.token}`) {
      send(response, 401, { error: 'Invalid username or password.' });
      return;
    }
    if (url.pathname === '/api/repos/create') {
      this.#create(JSON.parse(String(body)), url, response);
      return;
    }
    const [, repo = '', what] =
      /^\/api\/models\/([^/]+\/[^/]+)\/(preupload|commit)\/main$/.exec(url.pathname) ??
      /^\/([^/]+\/[^/]+)\.git\/(info\/lfs\/objects\/batch)$/.exec(url.pathname) ??
      [];
    const files = this.#repos.get(repo);
    if (files === undefined) {
      send(response, 404, { error: 'Repository not found' });
      return;
    }
    if (what === 'preupload') {
      preupload(JSON.parse(String(body)), response);
      return;
    }
    if (what === 'commit') {
      this.#commit(repo, files, String(body), response);
      return;
    }
    this.#batch(JSON.parse(String(body)), url, response);
    return;
  }

  #create(
    { name, organization, visibility }: Record<string, unknown>,
    url: URL,
    response: ServerResponse,
  ): void {
    const repo = `${organization}/${name}`;
    if (this.#repos.has(repo)) {
      send(response, 409, { error: 'You already created this model repo' });
      return;
    }
    this.#repos.set(repo, new Map());
    this.created.push({ name: repo, visibility });
    send(response, 200, { url: `${url.origin}/${repo}`, id: repo });
  }

  #batch({ objects }: { objects: { oid: string; size: number }[] }, url: URL, response: ServerResponse) {
    const answers = objects.map(({ oid, size }) => ({
      oid,
      size,
      // What is in the store already is not asked for again.
      ...(!this.#store.has(oid) && { actions: { upload: { href: `${url.origin}/store/${oid}` } } }),
    }));
    send(response, 200, { transfer: 'basic', objects: answers });
  }

  #commit(repo: string, files: Map<string, ServedFile>, body: string, response: ServerResponse): void {
    if (this.failCommitWith !== null) {
      const status = this.failCommitWith;
      this.failCommitWith = null;
      send(response, status, { error: 'A commit has happened since' });
      return;
    }
    const lines: { key: string; value: Record<string, string> }[] = body
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const added: string[] = [];
    for (const { key, value } of lines) {
      if (key === 'file') files.set(value.path!, { bytes: Buffer.from(value.content!, 'base64') });
      else if (key === 'lfsFile') {
        const bytes = this.#store.get(value.oid!);
        if (bytes === undefined) {
          send(response, 400, { error: `LFS object ${value.oid} is not there` });
          return;
        }
        files.set(value.path!, { bytes, lfs: true });
      }
      if (key !== 'header') added.push(value.path!);
    }
    this.commits.push({ repo, summary: lines[0]!.value.summary!, files: added });
    const commitOid = digest('sha1', Buffer.from(body));
    send(response, 200, { success: true, commitOid, commitUrl: `/${repo}/commit/${commitOid}` });
  }
}

function preupload({ files }: { files: { path: string }[] }, response: ServerResponse): void {
  const modeOf = (path: string) => (path.endsWith('.safetensors') ? 'lfs' : 'regular');
  send(response, 200, { files: files.map(({ path }) => ({ path, uploadMode: modeOf(path) })) });
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function send(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(value));
}
