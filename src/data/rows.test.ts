import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { InvalidFileError } from '../errors.ts';
import { readRows } from './rows.ts';

const fixture = (name: string) => fileURLToPath(new URL(`./fixtures/${name}`, import.meta.url));
/** What pyarrow and Python's csv module read: see fixtures/make.py. */
const expected = JSON.parse(readFileSync(fixture('expected.json'), 'utf8')) as Record<string, unknown[]>;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kvsteer-rows-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function all(path: string) {
  const rows: unknown[] = [];
  const lines: number[] = [];
  const bad: [number, string][] = [];
  for await (const { line, value } of readRows(path, { onBadRow: (...each) => bad.push(each) })) {
    rows.push(value);
    lines.push(line);
  }
  return { rows, lines, bad };
}

async function written(name: string, content: string | Uint8Array) {
  const path = join(folder, name);
  await writeFile(path, content);
  return all(path);
}

describe('tables written by others', () => {
  it.each(Object.keys(expected))('%s reads as Python reads it', async (name) => {
    const { rows, bad } = await all(fixture(name));
    expect(rows).toEqual(expected[name]);
    expect(bad).toEqual([]);
  });

  it('are told by content where the name says nothing', async () => {
    for (const name of ['gsm8k.parquet', 'cells.csv', 'cells.tsv']) {
      const path = join(folder, 'download');
      await writeFile(path, await readFile(fixture(name)));
      expect((await all(path)).rows).toEqual(expected[name]);
    }
  });
});

describe('JSON', () => {
  it('is a list, an object around one, or an object on each line', async () => {
    const rows = [{ a: 1 }, { a: 2 }];
    expect((await written('a.json', JSON.stringify(rows, null, 2))).rows).toEqual(rows);
    expect((await written('a.json', `\ufeff{"version": 1,\n "data": [{"a":1},\n{"a":2}]}`)).rows).toEqual(
      rows,
    );
    expect((await written('a.json', '{"a":1}\n{"a":2}\n')).rows).toEqual(rows);
    expect((await written('a.txt', '{"a":1}\r\n\r\n{"a":2}')).lines).toEqual([1, 3]);
  });

  it('tells of bad lines and goes on', async () => {
    const { rows, bad } = await written('a.jsonl', 'oops\n{"a":1}\n{"a":\n{"a":2}');
    expect(rows).toEqual([{ a: 1 }, { a: 2 }]);
    expect(bad.map(([line]) => line)).toEqual([1, 3]);
  });

  it('names what else a file is', async () => {
    const cases: [string, string | Uint8Array, RegExp][] = [
      ['a.json', '{"a": [1], "b": [2]\n}', /an object with one list/],
      ['a.json', '[{"a":', /expected JSON, found/],
      ['a.jsonl', '', /is empty/],
      ['a.jsonl', '<!doctype html>', /a page of HTML/],
      ['a.jsonl.gz', Uint8Array.of(0x1f, 0x8b, 8, 0), /gunzip/],
      ['a.jsonl', 'version https://git-lfs.github.com/spec/v1\n', /git lfs pull/],
      ['a', 'Hello there', /a text that begins "Hello there"/],
    ];
    for (const [name, content, message] of cases) {
      const failure = await written(name, content).catch((error) => error);
      expect(failure).toBeInstanceOf(InvalidFileError);
      expect(failure.message).toMatch(message);
    }
    await expect(all(join(folder, 'absent.jsonl'))).rejects.toThrow(/no such file/);
  });
});

describe('CSV', () => {
  it('tells of records with other numbers of cells and goes on', async () => {
    const { rows, lines, bad } = await written('a.csv', 'q,a\n1,2\n3\n4,5,6\n"7\n7",8\n');
    expect(rows).toEqual([
      { q: '1', a: '2' },
      { q: '7\n7', a: '8' },
    ]);
    expect(lines).toEqual([2, 6]);
    expect(bad.map(([line]) => line)).toEqual([3, 4]);
    expect(bad[0]![1]).toMatch(/length/i);
  });

  it('refuses what would be read wrongly', async () => {
    await expect(written('a.csv', 'q,q\n1,2\n')).rejects.toThrow(/two columns named "q"/);
    await expect(written('a.csv', Buffer.from('q\nü\n', 'latin1'))).rejects.toThrow(/expected UTF-8/);
    await expect(written('a.csv', 'q,a\n"1,2\n3,4\n')).rejects.toThrow(/a.csv: .*opening quote at line 3/);
    const long = `q,a\n1,2\n"${'x\n'.repeat(3 * 2 ** 20)}",4\n`;
    await expect(written('a.csv', long)).rejects.toThrow(/a.csv: .*maximum/i);
    await expect(written('a.csv', `q,a\n${'1\n'.repeat(10_001)}`)).rejects.toThrow(/a.csv: .*on line 10002/);
  });

  it('stops when aborted', async () => {
    const signal = AbortSignal.abort(new Error('enough'));
    const reading = async () => {
      for await (const _ of readRows(fixture('cells.csv'), { signal, onBadRow: () => {} }));
    };
    await expect(reading()).rejects.toThrow('enough');
  });
});

describe('damaged Parquet', () => {
  it('is refused, or read, but never anything else', async () => {
    const whole = await readFile(fixture('groups.parquet'));
    const damage = fc.oneof(
      fc.nat(whole.length - 1).map((length) => whole.subarray(0, length)),
      fc.tuple(fc.nat(whole.length - 1), fc.nat(255)).map(([at, byte]) => {
        const bytes = Buffer.from(whole);
        bytes[at] = byte;
        return bytes;
      }),
    );
    await fc.assert(
      fc.asyncProperty(damage, async (bytes) => {
        const { rows } = await written('damaged.parquet', bytes).catch((error: unknown) => {
          expect(error).toBeInstanceOf(InvalidFileError);
          return { rows: [] };
        });
        expect(rows.length).toBeLessThan(10_000);
      }),
      { numRuns: 120 },
    );
  });
});
