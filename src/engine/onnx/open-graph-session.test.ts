import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { InvalidArgumentError, RuntimeFailureError } from '../../errors.ts';
import { graphFile } from './graph/graph-manifest.ts';
import { type Miniature, writeMiniature } from './native/miniature-engine.ts';
import { nativeSelfTest } from './native/self-test.ts';
import { openGraphSession } from './open-graph-session.ts';

vi.mock('./native/self-test.ts', () => ({ nativeSelfTest: vi.fn() }));
const verdict = vi.mocked(nativeSelfTest);

let folder: string;
let miniature: Miniature;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kvsteer-open-'));
  miniature = await writeMiniature(join(folder, 'graph'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));
afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  verdict.mockReset();
});

/** The runtime that is chosen, and the warnings on the way. */
async function choose(forced: string) {
  vi.stubEnv('KVSTEER_ORT', forced);
  const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
  const options = { ...miniature.model, threads: 1, taps: false };
  const session = await openGraphSession(join(miniature.folder, graphFile), options, folder);
  await session.dispose();
  return { runtime: session.runtime, warnings: warn.mock.calls.map(([message]) => String(message)) };
}

const native = expect.stringMatching(/^onnxruntime \d.*, C API$/);
const plain = expect.stringMatching(/^onnxruntime-node \d/);

it('takes the C API where its self-test passed', async () => {
  verdict.mockResolvedValue({ usable: true, reason: '' });
  expect(await choose('')).toEqual({ runtime: native, warnings: [] });
  expect(await choose('auto')).toEqual({ runtime: native, warnings: [] });
});

it('goes on with the npm binding where it did not, and says why', async () => {
  verdict.mockResolvedValue({ usable: false, reason: 'its self-test ended with SIGSEGV' });
  const { runtime, warnings } = await choose('');
  expect(runtime).toEqual(plain);
  expect(warnings).toEqual([expect.stringContaining('its self-test ended with SIGSEGV')]);
});

it('KVSTEER_ORT forces one, without a self-test', async () => {
  expect(await choose('native')).toEqual({ runtime: native, warnings: [] });
  expect(await choose('plain')).toEqual({ runtime: plain, warnings: [] });
  expect(verdict).not.toHaveBeenCalled();
});

it('another KVSTEER_ORT is an error', async () => {
  await expect(choose('fast')).rejects.toThrow(InvalidArgumentError);
  await expect(choose('fast')).rejects.toThrow(/plain or native, but was set to fast/);
});

it('a graph that does not load is an error, not a reason to take the other', async () => {
  verdict.mockResolvedValue({ usable: true, reason: '' });
  const missing = openGraphSession('nowhere.onnx', { ...miniature.model, threads: 1, taps: false }, folder);
  await expect(missing).rejects.toThrow(RuntimeFailureError);
});
