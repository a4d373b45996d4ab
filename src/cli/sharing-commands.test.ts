import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { HubServer } from '../models/hub-server.fixture.ts';
import { inProcess } from './kvsteer.test-support.ts';

const stepwise = fileURLToPath(new URL('../../models/tiny/vectors/stepwise.safetensors', import.meta.url));

let server: HubServer;
let cache: string;
beforeEach(async () => {
  server = await new HubServer().start();
  cache = await mkdtemp(join(tmpdir(), 'kvsteer-sharing-'));
  vi.stubEnv('HF_ENDPOINT', server.url);
  vi.stubEnv('HF_TOKEN', 'hf_writer');
  vi.stubEnv('HF_HUB_OFFLINE', '');
  vi.stubEnv('KVSTEER_CACHE', cache);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await server[Symbol.asyncDispose]();
  await rm(cache, { recursive: true, force: true });
});

describe('kvsteer push and pull', () => {
  it('share a vector, which other commands take by its name', async () => {
    const pushed = await inProcess(['push', stepwise, 'me/steps']);
    expect(pushed.stderr).toBe('');
    expect(pushed.stdout).toContain(`${server.url}/me/steps (made)`);
    const pulled = await inProcess(['pull', 'me/steps', '--json']);
    expect(JSON.parse(pulled.stdout)).toEqual({
      name: 'me/steps',
      kind: 'vector',
      path: expect.stringMatching(/stepwise\.safetensors$/),
    });
    const asked = server.requests.length;
    const inspected = await inProcess(['inspect', 'me/steps', '--json']);
    expect(JSON.parse(inspected.stdout).model.name).toBe('tiny');
    expect(server.requests).toHaveLength(asked);
    // Not pulled before: pulled when it is used.
    const other = await inProcess(['inspect', 'me/steps:stepwise', '--json']);
    expect(other.code).toBe(0);
  });

  it('show the card without uploading', async () => {
    const { stdout, code } = await inProcess(['push', stepwise, 'me/steps', '--dry-run']);
    expect(code).toBe(0);
    expect(stdout).toContain('# stepwise: a steering vector for tiny');
    expect(server.requests).toEqual([]);
  });

  it('refuse without a token, and for a vector that is nowhere', async () => {
    vi.stubEnv('HF_TOKEN', '');
    const pushed = await inProcess(['push', stepwise, 'me/steps']);
    expect(pushed).toMatchObject({ code: 2, stderr: expect.stringContaining('set HF_TOKEN') });
    const used = await inProcess(['inspect', 'me/nothing']);
    expect(used.code).toBe(2);
    expect(used.stderr).toMatch(/there is no such file; as a name of the hub: The hub has no me\/nothing/);
  });
});
