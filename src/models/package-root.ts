import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ModelNotFoundError } from '../errors.ts';

/** The folder of this package: the nearest one above this file, in src/ or in dist/, whose package.json is kvsteer's. */
export function packageRoot(from: string = fileURLToPath(import.meta.url)): string {
  for (let folder = dirname(from); ; folder = dirname(folder)) {
    const manifest = join(folder, 'package.json');
    if (existsSync(manifest) && /"name":\s*"kvsteer"/.test(readFileSync(manifest, 'utf8'))) return folder;
    if (dirname(folder) === folder) break;
  }
  throw new ModelNotFoundError(
    'tiny',
    `kvsteer's own package folder was not found above ${from}, so its bundled model cannot be read. If kvsteer was bundled into another program, leave it external.`,
  );
}
