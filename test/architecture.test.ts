import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const source = fileURLToPath(new URL('../src', import.meta.url));
const map = readFileSync(new URL('../docs/architecture.md', import.meta.url), 'utf8');

/** The stages of the method, in the order data flows through them. */
const stages = ['data', 'traces', 'pairs', 'vectors', 'steer', 'evaluate', 'sweep', 'report', 'study'];
/** What every stage may import beside earlier stages. */
const ground = ['tensor', 'errors.ts', 'engine/engine.ts'];
/** `data/` downloads with what models are downloaded with. */
const alsoAllowed: Record<string, readonly string[]> = { data: ['models'] };
/** Rooms that choose an engine, or that engines are made of. */
const beyondStages: Record<string, readonly string[]> = {
  tensor: ['errors.ts'],
  'errors.ts': [],
  'engine/engine.ts': ['tensor'],
  engine: ['tensor', 'errors.ts', 'engine/engine.ts'],
  models: ['errors.ts', 'tensor'],
  sharing: ['errors.ts', 'models', 'vectors'],
  server: ['errors.ts', 'tensor', 'engine', 'engine/engine.ts', 'pairs', 'vectors', 'steer'],
};

const filesIn = (folder: string): string[] =>
  readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? filesIn(path) : path.endsWith('.ts') ? [path] : [];
  });

/** `src/steer/plan.ts` -> `steer`; the engine contract and files at the top are rooms of their own. */
function roomOf(path: string): string {
  const local = relative(source, path).split(sep).join('/');
  if (local === 'engine/engine.ts') return local;
  return local.includes('/') ? local.slice(0, local.indexOf('/')) : local;
}

function importsOf(path: string): string[] {
  const text = readFileSync(path, 'utf8');
  const specifiers = [...text.matchAll(/(?:^|\n)\s*(?:import|export)\b[^;'"]*?from\s*['"](\.[^'"]+)['"]/g)];
  const dynamic = [...text.matchAll(/import\(\s*['"](\.[^'"]+)['"]\s*\)/g)];
  return [...specifiers, ...dynamic].map((match) => resolve(dirname(path), match[1]!));
}

const files = filesIn(source).filter((path) => !/\.test(-support)?\.ts$/.test(path));

describe('the rooms of src/', () => {
  it('import only what their place in the order allows', () => {
    const wrong: string[] = [];
    for (const path of files) {
      const room = roomOf(path);
      const stage = stages.indexOf(room);
      const allowed =
        stage >= 0
          ? [...ground, ...stages.slice(0, stage), ...(alsoAllowed[room] ?? [])]
          : beyondStages[room];
      if (!allowed) continue;
      for (const target of importsOf(path)) {
        const other = roomOf(target);
        if (other !== room && !allowed.includes(other))
          wrong.push(`${relative(source, path)} -> ${relative(source, target)}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it('import files that exist, with their extension', () => {
    const missing = files.flatMap((path) => importsOf(path).filter((target) => !existsSync(target)));
    expect(missing).toEqual([]);
  });

  it('keep tensor/ free of Node', () => {
    const pure = files.filter((path) => roomOf(path) === 'tensor');
    expect(pure.length).toBeGreaterThan(0);
    expect(pure.filter((path) => /from\s*['"]node:/.test(readFileSync(path, 'utf8')))).toEqual([]);
  });

  it('are on the map in docs/architecture.md, and the map has no others', () => {
    const rooms = new Set(
      readdirSync(source, { withFileTypes: true })
        .filter(({ name }) => !name.endsWith('.test.ts'))
        .map((e) => (e.isDirectory() ? `${e.name}/` : e.name)),
    );
    const mapped = new Set([...map.matchAll(/^ {4}([a-z-]+(?:\/|\.ts))\s/gm)].map((match) => match[1]!));
    expect([...mapped].sort()).toEqual([...rooms].sort());
  });
});
