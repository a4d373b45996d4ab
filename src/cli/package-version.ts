import { readFileSync } from 'node:fs';

/** From package.json, which is two folders up from here in src/ and in dist/. */
export function packageVersion(): string {
  const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  return (manifest as { version: string }).version;
}
