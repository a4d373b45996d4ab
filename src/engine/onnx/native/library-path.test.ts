import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import { expect, it } from 'vitest';
import { RuntimeFailureError } from '../../../errors.ts';
import { onnxRuntimeLibrary } from './library-path.ts';

it.each([
  ['linux', 'x64', 'libonnxruntime.so.1'],
  ['linux', 'arm64', 'libonnxruntime.so.1'],
  ['darwin', 'arm64', 'libonnxruntime.1.dylib'],
  ['win32', 'x64', 'onnxruntime.dll'],
  ['win32', 'arm64', 'onnxruntime.dll'],
] as const)('onnxruntime-node ships a library for %s %s', (platform, arch, name) => {
  const path = onnxRuntimeLibrary(platform, arch);
  expect(basename(path)).toBe(name);
  expect(existsSync(path)).toBe(true);
});

it('takes this machine by default', () => {
  expect(onnxRuntimeLibrary()).toBe(onnxRuntimeLibrary(process.platform, process.arch));
});

it.each([
  ['darwin', 'x64'],
  ['freebsd', 'x64'],
  ['linux', 'riscv64'],
] as const)('says so where there is none: %s %s', (platform, arch) => {
  expect(() => onnxRuntimeLibrary(platform, arch)).toThrow(RuntimeFailureError);
  expect(() => onnxRuntimeLibrary(platform, arch)).toThrow(`no library for ${platform} ${arch}`);
});
