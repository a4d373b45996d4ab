/** The ways a process ends while an engine works. Each case runs in a process of its own. */
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeMiniature } from './miniature-engine.ts';

const script = fileURLToPath(new URL('./life-cycle-child.ts', import.meta.url));
const loader = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;

let folder: string;
beforeAll(async () => {
  folder = join(await mkdtemp(join(tmpdir(), 'kvsteer-life-cycle-')), 'graph');
  await writeMiniature(folder);
});
afterAll(() => rm(join(folder, '..'), { recursive: true, force: true }));

interface End {
  readonly code: number | null;
  readonly signal: string | null;
  readonly lines: readonly string[];
  readonly errors: string;
}

/** @param interruptAt sends SIGINT when this line comes. */
function run(scenario: string, runtime: string, interruptAt?: string): Promise<End> {
  const { KVSTEER_ORT: _, ...env } = process.env;
  const child = spawn(process.execPath, ['--import', loader, script, scenario, runtime, folder], { env });
  let output = '';
  let errors = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
    if (interruptAt && output.includes(interruptAt)) child.kill('SIGINT');
  });
  child.stderr.on('data', (chunk) => {
    errors += chunk;
  });
  return new Promise((resolve) => {
    child.on('close', (code, signal) =>
      resolve({ code, signal, lines: output.split('\n').filter(Boolean), errors }),
    );
  });
}

describe.each(['native', 'plain'])('a process with a %s session', (runtime) => {
  it('ends with its own code when it exits in the middle of a step', async () => {
    expect(await run('exit', runtime)).toMatchObject({ code: 3, signal: null, errors: '' });
  });

  it.skipIf(process.platform === 'win32')('ends by SIGINT in the middle of a step', async () => {
    expect(await run('busy', runtime, 'busy')).toMatchObject({ code: null, signal: 'SIGINT', errors: '' });
  });

  it('ends by itself when an engine was not disposed', async () => {
    expect(await run('forgetful', runtime)).toMatchObject({ code: 0, signal: null, errors: '' });
  });
});

// onnxruntime-node itself can abort the process when a thread is stopped in the middle of a step
it('threads have a native session each, and one of them may be stopped in the middle of a step', async () => {
  const { lines } = await run('forgetful', 'native');
  expect(lines).toHaveLength(1);
  expect(await run('workers', 'native')).toEqual({
    code: 0,
    signal: null,
    errors: '',
    lines: [...lines, ...lines, ...lines, 'codes 0,0'],
  });
});

it('where koffi is in use with a smaller stack, the npm binding runs the graph and a warning says why', async () => {
  const { code, lines } = await run('koffi', 'native');
  expect(code).toBe(0);
  expect(lines[0]).toMatch(/^warning .*koffi.*npm binding/i);
  expect(lines[1]).toMatch(/^onnxruntime-node /);
});
