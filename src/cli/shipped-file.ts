import { fileURLToPath } from 'node:url';

/** A file below the package's `models/`, which is two folders up from here in src/ and in dist/. */
export function shippedFile(...path: readonly string[]): string {
  return fileURLToPath(new URL(`../../models/${path.join('/')}`, import.meta.url));
}
