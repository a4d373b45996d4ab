/** `kvsteer pairs`, and what `kvsteer extract` makes of the same flags, with the bundled model. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { loadVector } from '../vectors/vector-file.ts';
import { inProcess } from './kvsteer.test-support.ts';

const embedder = fileURLToPath(new URL('../pairs/embed/fixtures/tiny-bert', import.meta.url));
let folder: string;
/** 40 rows as a question set has them, every fourth without a solution. */
let data: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kvsteer-pairs-'));
  data = join(folder, 'questions.jsonl');
  const rows = Array.from({ length: 40 }, (_, i) => ({
    question: `Ben has ${i} pens and buys ${i % 7} more. How many pens?`,
    answer: `${i + (i % 7)}`,
    ...(i % 4 !== 3 && { rationale: Array.from({ length: 1 + (i % 5) }, () => `${i} + ${i % 7} pens.`) }),
  }));
  await writeFile(data, rows.map((row) => JSON.stringify(row)).join('\n'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function done(...args: string[]) {
  const ran = await inProcess([...args, '--model', 'tiny', '--precision', 'fp32']);
  expect([ran.code, ran.stderr.replace(/^preparing .*\n/gm, '')]).toEqual([0, expect.anything()]);
  return ran;
}
const json = async (...args: string[]) => JSON.parse((await done(...args, '--json')).stdout);

describe('kvsteer pairs', () => {
  it('shows pairs with the token that is read, their lengths and what they mean', async () => {
    const { stdout } = await done('pairs', '--data', 'steps', '--show', '2');
    expect(stdout).toContain('pair 1 of 16: question 0 after 1, 2\n');
    expect(stdout).toContain('pair 2 of 16: question 1 after 2, 3\n');
    expect(stdout.match(/\[\[\\n\]\]$/gm)).toHaveLength(4);
    expect(stdout).toMatch(/made of +items of steps\.jsonl, 2 example turns \(given\)\n/);
    expect(stdout).toContain('--match-length takes the difference away');
    const summary = (await done('pairs', '--data', 'steps')).stdout;
    expect(summary).not.toContain('pair 1');
  });

  it('gives the same as JSON, with figures that add up', async () => {
    const { pairs, gap, tokens, positions, shown, recipe } = await json(
      'pairs',
      '--data',
      data,
      '--show',
      '30',
    );
    expect([pairs, shown.length]).toEqual([30, 30]);
    expect(recipe).toBe('items of questions.jsonl, 2 example turns (given)');
    const mean = (of: (pair: (typeof shown)[number]) => number) =>
      shown.reduce((sum: number, pair: (typeof shown)[number]) => sum + of(pair), 0) / 30;
    expect(tokens.positive.mean).toBeCloseTo(
      mean(({ positive }) => positive.tokens),
      9,
    );
    expect(positions.negative.mean).toBeCloseTo(mean(({ negative }) => negative.tokens) - 1, 9);
    expect(gap.mean).toBeCloseTo(tokens.positive.mean - tokens.negative.mean, 9);
    expect(shown[0].positive.token.text).toBe('\n');
    expect(shown[0].source).toEqual({ item: 0, examples: [1, 2] });
  });

  it('matches lengths, and leaves out what differs by more than is allowed', async () => {
    const plain = await json('pairs', '--data', data);
    const matched = await json('pairs', '--data', data, '--match-length');
    expect(plain.gap.mean).toBeGreaterThan(10);
    expect(Math.abs(matched.gap.mean)).toBeLessThan(plain.gap.mean / 10);
    expect(matched.pairs).toBe(30);
    const most = Math.floor(plain.gap.mean);
    const near = await json('pairs', '--data', data, '--max-gap', `${most}`);
    expect(near.gap.most).toBeLessThanOrEqual(most);
    expect(near.pairs + near.leftOut.length).toBe(30);
    expect(near.recipe).toContain(`at most ${most} tokens apart (${near.leftOut.length} left out)`);
    const none = await inProcess([
      'pairs',
      '--data',
      data,
      '--max-gap',
      '0',
      '--model',
      'tiny',
      '--precision',
      'fp32',
    ]);
    expect([none.code, none.stdout]).toEqual([2, '']);
    expect(none.stderr).toMatch(/--max-gap 0 leaves no pair: of 30, .*--match-length/);
  });

  it('refuses flags that do not go together', async () => {
    const refused = async (args: readonly string[], message: string) => {
      const { code, stderr } = await inProcess(['pairs', ...args]);
      expect(stderr).toContain(message);
      expect(code).toBe(2);
    };
    await refused([], '--data steps');
    await refused(['--pairs', 'x', '--match-length'], '--match-length builds pairs: it goes with --data');
    await refused(['--pairs', 'x', '--data', 'y'], 'cannot be used with');
    await refused(['--data', data, '--embedder', 'bm25'], '--embedder goes with --selection nearest');
    await refused(['--data', data, '--selection', 'best'], 'given, fixed, random, nearest');
    await refused(['--data', join(folder, 'nowhere.jsonl')], 'nowhere.jsonl');
    const unworked = join(folder, 'unworked.jsonl');
    await writeFile(unworked, '{"question":"Why?","answer":"so"}\n');
    await refused(['--data', unworked], 'none with a worked solution');
  });
});

describe('kvsteer extract', () => {
  it('makes a vector of a question set in one command, with the nearest questions by their meaning', async () => {
    const output = join(folder, 'v.safetensors');
    vi.stubEnv('KVSTEER_CACHE', join(folder, 'cache'));
    const { stderr } = await done(
      ...['extract', '--data', data, '--pairs-count', '6', '--turns', '3', '--no-cache', '-o', output],
      ...['--selection', 'nearest', '--embedder', embedder],
    );
    vi.unstubAllEnvs();
    expect(stderr).toContain(
      '10 questions of questions.jsonl without a worked solution or an answer: left out.',
    );
    const { recipe, pairs, statistics } = await loadVector(output);
    expect(recipe).toBe('items of questions.jsonl, 3 example turns (nearest by tiny-bert), the first 6');
    expect(pairs?.count).toBe(6);
    expect(statistics!.positions.positive).toBeGreaterThan(statistics!.positions.negative);
  });

  it('goes by words where no embedding model can be had, and says so', async () => {
    vi.stubEnv('HF_HUB_OFFLINE', '1');
    vi.stubEnv('KVSTEER_CACHE', join(folder, 'cache'));
    const { stderr, stdout } = await done('pairs', '--data', data, '--selection', 'nearest', '--json');
    expect(stderr).toContain('No sentence embedding model at hand');
    expect(JSON.parse(stdout).recipe).toContain('nearest by BM25');
    const missing = await inProcess(['pairs', '--data', data, '--selection', 'nearest', '--embedder', 'a/b']);
    expect(missing.code).toBe(2);
    vi.unstubAllEnvs();
  });

  it('reads finished pairs, the first ones or those that are near enough', async () => {
    const file = join(folder, 'pairs.jsonl');
    const lines = ['Yes, because it is so.', 'Yes.', 'Yes, as it is.'].map((positive) => ({
      positive,
      negative: 'No.',
    }));
    await writeFile(file, lines.map((line) => JSON.stringify(line)).join('\n'));
    const first = await json('pairs', '--pairs', file, '--pairs-count', '2', '--show', '3');
    expect(first.shown.map(({ positive }: { positive: { text: string } }) => positive.text)).toEqual(
      lines.slice(0, 2).map(({ positive }) => positive),
    );
    const near = await json('pairs', '--pairs', file, '--max-gap', '3');
    expect(near.leftOut.length).toBeGreaterThan(0);
    expect(near.pairs).toBe(3 - near.leftOut.length);
  });
});
