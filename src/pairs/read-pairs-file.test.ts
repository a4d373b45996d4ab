import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { type JsonLinesLimits, readJsonLines } from '../data/json-lines.ts';
import { InvalidArgumentError, InvalidFileError } from '../errors.ts';
import { byteTokenizer as tokenizer } from './byte-tokenizer.test-support.ts';
import { pairsOfFile, readPairsFile, readStyledItemsFile } from './read-pairs-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'kvsteer-pairs-'));
afterAll(() => rmSync(folder, { recursive: true }));

function file(content: string | Uint8Array): string {
  const path = join(folder, 'pairs.jsonl');
  writeFileSync(path, content);
  return path;
}

describe('readPairsFile', () => {
  it('reads texts and messages, with blank lines, CRLF and a byte order mark', async () => {
    const lines = [
      '\uFEFF{"positive":"yes.","negative":"no."}',
      '',
      '{"positive":[{"role":"user","content":"A"}],"negative":[{"role":"user","content":"B"}],"note":1}',
    ];
    const pairs = await readPairsFile(file(lines.join('\r\n')), { tokenizer });
    expect(pairs).toHaveLength(2);
    expect(pairs[0]!.positive.text).toBe('yes.');
    expect(pairs[1]!.negative.text).toContain('user\nB<|im_end|>');
  });

  it('gives the same pairs one at a time', async () => {
    const path = file('{"positive":"yes.","negative":"no."}\n{"positive":"a.","negative":"bb."}\nnot JSON');
    const stream = pairsOfFile(path, { tokenizer });
    // What is wrong further down has not been read yet.
    expect((await stream.next()).value).toMatchObject({ positive: { text: 'yes.' } });
    expect((await stream.next()).value).toMatchObject({ negative: { text: 'bb.' } });
    await expect(stream.next()).rejects.toThrow('line 3: expected one JSON value');
    await expect(pairsOfFile(file('\n'), { tokenizer }).next()).rejects.toThrow('holds no pairs');
    const item = file('{"question":"A","steps":["x"],"answer":"1"}');
    await expect(pairsOfFile(item, { tokenizer }).next()).rejects.toThrow('line 1: expected a pair');
  });

  it('reads items that have what two styles are made of, naming the line of one that has not', async () => {
    const lines = ['{"question":"A","styles":{"a":"x","b":"y"}}', '{"question":"B","styles":{"a":"x"}}'];
    const path = file(lines.join('\n'));
    const styles = (positive: string, negative: string) => ({ positive, negative });
    expect(await readStyledItemsFile(path, styles('a', 'a'))).toHaveLength(2);
    await expect(readStyledItemsFile(path, styles('a', 'b'))).rejects.toThrow(
      /pairs\.jsonl: line 2: .*named "b"/,
    );
  });

  it('makes pairs of items', async () => {
    const lines = ['{"question":"A","steps":["x"],"answer":"1"}', '{"question":"B","steps":"y","answer":2}'];
    const pairs = await readPairsFile(file(lines.join('\n')), { tokenizer, turns: 1 });
    expect(pairs.map((pair) => pair.source!.examples)).toEqual([[1], [0]]);
  });

  it.each([
    ['{"positive":"a."', /line 2: expected one JSON value/],
    ['[]', /line 2: expected \{"positive"/],
    ['{"positive":"a.","negative":7}', /line 2: expected "negative" to be a text/],
    ['{"positive":"a.","negative":[{"role":"user"}]}', /line 2: expected "negative"/],
    ['{"positive":"a.","negative":"a."}', /line 2: pair: both sides are identical/],
    ['{"positive":"a.","negative":"b!"}', /line 2: pair: both sides must have the same token/],
    ['{"question":"A","steps":["x"],"answer":"1"}', /line 2: an item among pairs/],
  ])('refuses %s, naming the line', async (line, message) => {
    const path = file(`{"positive":"yes.","negative":"no."}\n${line}\n`);
    const failure = await readPairsFile(path, { tokenizer }).catch((error) => error);
    expect(failure).toBeInstanceOf(InvalidFileError);
    expect(failure.message).toMatch(message);
    expect(failure.message).toContain(path);
  });

  it('blames the options, not the file, for options out of range', async () => {
    const path = file('{"positive":"yes.","negative":"no."}');
    await expect(readPairsFile(path, { tokenizer, position: 0 })).rejects.toBeInstanceOf(
      InvalidArgumentError,
    );
    await expect(readPairsFile(path, { tokenizer, offset: 'two' })).rejects.toBeInstanceOf(
      InvalidArgumentError,
    );
    await expect(readPairsFile(path, { tokenizer, position: 4 })).rejects.toThrow(
      /line 1: .*outside the negative/,
    );
  });

  it('refuses empty, missing and non-UTF-8 files', async () => {
    await expect(readPairsFile(file('\n\n'), { tokenizer })).rejects.toThrow(/holds no pairs/);
    await expect(readPairsFile(join(folder, 'absent'), { tokenizer })).rejects.toThrow(/cannot be read/);
    await expect(readPairsFile(file(Uint8Array.of(0x22, 0xff, 0x22)), { tokenizer })).rejects.toThrow(
      /UTF-8/,
    );
  });

  it('stops when aborted', async () => {
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(readPairsFile(file('{}'), { tokenizer, signal })).rejects.toThrow('enough');
  });
});

describe('readJsonLines', () => {
  const all = async (path: string, limits?: JsonLinesLimits) => {
    const values: unknown[] = [];
    for await (const { value } of readJsonLines(path, limits)) values.push(value);
    return values;
  };

  it('bounds lines, entries and bytes', async () => {
    const path = file('1\n22\n333\n');
    await expect(all(path, { maxLineBytes: 2 })).rejects.toThrow(/line 3: longer than 2 bytes/);
    await expect(all(path, { maxLines: 2 })).rejects.toThrow(/line 3: more than 2 entries/);
    await expect(all(path, { maxBytes: 8 })).rejects.toThrow(/larger than 8 bytes/);
  });

  it('puts lines together across chunks', async () => {
    const values = Array.from({ length: 3000 }, (_, i) => 'é'.repeat(i % 97) + i);
    const path = file(values.map((value) => JSON.stringify(value)).join('\n'));
    expect(await all(path)).toEqual(values);
  });
});
