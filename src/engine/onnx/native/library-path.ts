import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { RuntimeFailureError } from '../../../errors.ts';

const names: Partial<Record<NodeJS.Platform, string>> = {
  linux: 'libonnxruntime.so.1',
  darwin: 'libonnxruntime.1.dylib',
  win32: 'onnxruntime.dll',
};

/** The shared library inside onnxruntime-node, for this system. @throws RuntimeFailureError where there is none. */
export function onnxRuntimeLibrary(
  platform: NodeJS.Platform = process.platform,
  arch: string = process.arch,
): string {
  const root = dirname(createRequire(import.meta.url).resolve('onnxruntime-node/package.json'));
  const name = names[platform];
  const path = join(root, 'bin', 'napi-v6', platform, arch, name ?? '');
  if (!name || !existsSync(path)) {
    throw new RuntimeFailureError(
      `onnxruntime-node ships no library for ${platform} ${arch} (looked for ${path}).`,
    );
  }
  return path;
}
