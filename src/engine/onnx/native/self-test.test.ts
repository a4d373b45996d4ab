import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { nativeSelfTest } from './self-test.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kvsteer-self-test-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** A child that notes each of its starts and then does `what`. */
async function child(what: string, timeoutMs = 20_000) {
  const module = join(folder, 'child.mjs');
  const log = join(folder, 'starts');
  await writeFile(
    module,
    `import { appendFileSync } from 'node:fs';\nappendFileSync(${JSON.stringify(log)}, '.');\n${what}`,
  );
  const starts = () =>
    readFile(log, 'utf8').then(
      (text) => text.length,
      () => 0,
    );
  return { test: () => nativeSelfTest(join(folder, 'state'), { module, timeoutMs }), starts };
}

it('finds the C API usable here, and keeps the verdict', async () => {
  const state = join(folder, 'new', 'state');
  expect(await nativeSelfTest(state)).toEqual({ usable: true, reason: '' });
  const [name] = await readdir(state);
  const kept = { usable: false, reason: 'as kept' };
  await writeFile(join(state, name!), JSON.stringify(kept));
  expect(await nativeSelfTest(state)).toEqual(kept);
});

it.each([
  [
    'a difference',
    `process.send('they differ at value 3', () => process.exit(1));`,
    'they differ at value 3',
  ],
  ['an exit', 'process.exit(7);', 'its self-test ended with exit code 7'],
  ...(process.platform === 'win32'
    ? []
    : [['a crash', `process.kill(process.pid, 'SIGSEGV');`, 'its self-test ended with SIGSEGV']]),
])('%s is a reason, and is kept', async (_, what, reason) => {
  const { test, starts } = await child(what!);
  expect(await test()).toEqual({ usable: false, reason });
  expect(await test()).toEqual({ usable: false, reason });
  expect(await starts()).toBe(1);
});

it('a child that does not end is stopped; that is no verdict for good', async () => {
  const { test } = await child('setInterval(() => {}, 1000);', 400);
  expect(await test()).toEqual({ usable: false, reason: 'its self-test had not ended after 0.4 s' });
  expect(await readdir(folder)).not.toContain('state');
});

it('engines that load at the same time share one test; a damaged verdict is made anew', async () => {
  const { test, starts } = await child(`process.send('ok', () => process.exit(0));`);
  expect(await Promise.all([test(), test(), test()])).toEqual(Array(3).fill({ usable: true, reason: '' }));
  expect(await starts()).toBe(1);
  const state = join(folder, 'state');
  const [name] = await readdir(state);
  await writeFile(join(state, name!), '{');
  expect((await test()).usable).toBe(true);
  expect(await starts()).toBe(2);
});

it('a folder that cannot be written to costs the test each time, no more', async () => {
  const { test, starts } = await child(`process.send('ok', () => process.exit(0));`);
  await writeFile(join(folder, 'state'), 'a file where a folder should be');
  expect((await test()).usable).toBe(true);
  expect((await test()).usable).toBe(true);
  expect(await starts()).toBe(2);
});
