/** A server on a real port over the bundled model, for tests. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Engine } from '../engine/engine.ts';
import { loadEngine } from '../load-engine.ts';
import { type RunningServer, type ServerOptions, startServer } from './start-server.ts';

export const bundledVectors = fileURLToPath(new URL('../../models/tiny/vectors', import.meta.url));

/** A problem whose plain answer is a guess, and which every bundled vector answers in its own style. */
export const question =
  'At first Jonas fills 3 boxes with 40 erasers in each. In the evening Jonas finds another 51 erasers. How many erasers does Jonas have in the end?';

export interface TestServer extends AsyncDisposable {
  readonly engine: Engine;
  readonly server: RunningServer;
  /** Uploads go here. */
  readonly folder: string;
  /** Rows of the engine's pool that are held by anything but the prefix cache. */
  rowsHeld(): number;
  /** A request with a JSON body. */
  post(path: string, body: unknown, init?: RequestInit): Promise<Response>;
  /** The answer to a chat request about {@link question}. */
  // biome-ignore lint/suspicious/noExplicitAny: whatever the server answers is looked at
  chat(fields?: object): Promise<any>;
}

export async function testServer(options: Partial<ServerOptions> = {}): Promise<TestServer> {
  const engine = await loadEngine('tiny', { download: false });
  const folder = await mkdtemp(join(tmpdir(), 'kvsteer-vectors-'));
  const server = await startServer({
    engine,
    port: 0,
    vectors: { folder, bundled: bundledVectors },
    ...options,
  });
  const post = (path: string, body: unknown, init: RequestInit = {}) =>
    fetch(`${server.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: typeof body === 'string' ? body : JSON.stringify(body),
      ...init,
    });
  return {
    engine,
    server,
    folder,
    post,
    rowsHeld: () =>
      (engine as unknown as { rowsInUse: number }).rowsInUse - server.service.prefixes.statistics.entries,
    async chat(fields = {}) {
      const messages = [{ role: 'user', content: question }];
      const response = await post('/v1/chat/completions', {
        model: 'tiny',
        messages,
        temperature: 0,
        ...fields,
      });
      return await response.json();
    },
    async [Symbol.asyncDispose]() {
      await server.close({ deadlineMs: 1000 });
      await engine[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
