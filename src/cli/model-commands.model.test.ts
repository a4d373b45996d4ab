/** The commands that need the 94 MB model, through the real process. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadVector, saveVector } from '../vectors/vector-file.ts';
import { kvsteer, type Ran } from './kvsteer.test-support.ts';

const question = 'A pen costs 3 dollars. How much are 7 pens?';
let folder: string;
let vector: string;
let extracted: Ran;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kvsteer-cli-'));
  vector = join(folder, 'new', 'steps.safetensors');
  extracted = await kvsteer(['extract', '--data', 'steps', '--pairs-count', '4', '--no-cache', '-o', vector]);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const run = (...args: string[]) => kvsteer(['run', '--max-tokens', '24', ...args]);
async function json(...args: string[]) {
  const { stdout, stderr, code } = await run('--json', ...args);
  expect(code, stderr).toBe(0);
  expect(stdout.trimEnd().split('\n')).toHaveLength(1);
  return JSON.parse(stdout);
}

describe('extract', () => {
  it('makes a vector that knows where it came from, and says what to do next', async () => {
    expect(extracted.code, extracted.stderr).toBe(0);
    expect(extracted.stderr).toContain('extracting pairs (4)\n');
    expect(extracted.stdout).toContain('4 pairs, ');
    expect(extracted.stdout).toContain(`kvsteer compare --vector ${vector} --values 1,2,4 "`);
    const { recipe, pairs, keyMode } = await loadVector(vector);
    expect(recipe).toBe('items of steps.jsonl, 2 example turns (given), the first 4');
    expect([pairs?.count, keyMode]).toEqual([4, 'unrotated']);
    expect(await readdir(join(folder, 'new'))).toEqual(['steps.safetensors']);
  });

  it('writes nothing when a pair is wrong', async () => {
    const pairs = join(folder, 'pairs.jsonl');
    await writeFile(pairs, '{"positive": "a b", "negative": "a c"}\n');
    const { code, stderr } = await kvsteer([
      'extract',
      '--pairs',
      pairs,
      '-o',
      join(folder, 'bad.safetensors'),
    ]);
    expect([code, stderr]).toEqual([2, expect.stringMatching(/^kvsteer: .*pairs\.jsonl: line 1: /m)]);
    expect(await readdir(folder)).not.toContain('bad.safetensors');
  });

  it('stops at Ctrl-C with code 130, and leaves nothing half-written', async () => {
    const target = join(folder, 'interrupted', 'v.safetensors');
    const { code, stderr } = await kvsteer(['extract', '--data', 'steps', '--no-cache', '-o', target], {
      onOutput: (child, output) => {
        if (output.stderr.includes('extracting')) child.kill('SIGINT');
      },
    });
    expect([code, stderr]).toEqual([130, expect.stringContaining('kvsteer: interrupted')]);
    expect(await readdir(folder)).not.toContain('interrupted');
  });
});

describe('run', () => {
  it('prints the text and nothing else', async () => {
    const { code, stdout } = await run('--precision', 'fp32', 'What is the capital of France?');
    expect([code, stdout]).toEqual([0, 'The capital of France is Paris.\n']);
  });

  it('is plain without a vector', async () => {
    const answer = await json('--precision', 'fp32', 'What is the capital of France?');
    expect(Object.keys(answer)).toEqual([
      'text',
      'tokens',
      'promptTokens',
      'editedPosition',
      'finishReason',
      'timings',
      'steering',
    ]);
    expect(answer).toMatchObject({
      text: 'The capital of France is Paris.',
      tokens: [504, 3575, 282, 4649, 314, 7042, 30, 2],
      promptTokens: 37,
      editedPosition: null,
      finishReason: 'eos',
      steering: null,
    });
    expect(Object.keys(answer.timings)).toEqual(['prefillMs', 'editMs', 'decodeMs']);
  });

  it('steers, and says how', async () => {
    const answer = await json(
      '--vector',
      vector,
      '--values',
      '4',
      '--layers',
      '2-',
      '--heads',
      '0,2',
      question,
    );
    const layers = Array.from({ length: 28 }, (_, i) => i + 2);
    expect(answer.steering).toEqual({
      vector,
      values: 4,
      keys: 0,
      layers,
      heads: [0, 2],
      position: answer.promptTokens - 1,
      keyMode: 'unrotated',
      offsetToken: 198,
    });
    expect(answer.editedPosition).toBe(answer.promptTokens - 1);
    const without = await json('--vector', vector, '--values', '4', '--no-offset', question);
    expect(without.editedPosition).toBe(answer.promptTokens - 2);
    expect(without.steering.offsetToken).toBeNull();
  });

  it('reads a templated prompt and a vector of another tool, as the goldens have them', async () => {
    const goldens = new URL('../../test/goldens/', import.meta.url);
    const cases = await readFile(new URL('generations.json', goldens), 'utf8');
    const golden = JSON.parse(cases).find((one: { c_values: number }) => one.c_values > 0);
    const file = fileURLToPath(new URL('vectors.safetensors', goldens));
    const { stdout } = await kvsteer(
      [
        'run',
        '--json',
        '--raw',
        '--precision',
        'fp32',
        '--vector',
        file,
        '--key-mode',
        'post-rope',
        '--max-tokens',
        '8',
      ].concat(['--values', `${golden.c_values}`, '--keys', `${golden.c_keys}`]),
      { input: golden.prompt_text },
    );
    const answer = JSON.parse(stdout);
    expect(answer.editedPosition).toBe(golden.edited_cache_position);
    expect(answer.tokens.slice(0, 4)).toEqual(golden.output_token_ids.slice(0, 4));
  });

  it('draws the same tokens with the same seed', async () => {
    const drawn = () => json('--temperature', '1', '--top-k', '50', '--seed', '7', 'Tell me a story.');
    expect((await drawn()).tokens).toEqual((await drawn()).tokens);
  });
});

describe('compare', () => {
  it('shows the answers side by side', async () => {
    const args = ['compare', '--vector', vector, '--values', '2,4', '--max-tokens', '16', question];
    const { code, stdout } = await kvsteer(args);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^plain +│ steered, values × 2 +│ steered, values × 4/);
    expect(stdout.match(/16 tokens, /g)).toHaveLength(3);
    expect(stdout).toMatch(/one edit with steps.safetensors: values × 2, 4, layers 1-29/);
  });

  it('prints plain and steered as JSON', async () => {
    const args = ['compare', '--json', '--vector', vector, '--max-tokens', '4'];
    const single = JSON.parse((await kvsteer([...args, '--values', '2', question])).stdout);
    expect(single.plain.steering).toBeNull();
    expect(single.steered.steering.values).toBe(2);
    const several = JSON.parse((await kvsteer([...args, '--values', '-4,2', question])).stdout);
    expect(several.steered.map((one: { steering: { values: number } }) => one.steering.values)).toEqual([
      -4, 2,
    ]);
  });
});

describe('mistakes that only the model shows', () => {
  async function refused(message: RegExp | string, ...args: string[]): Promise<void> {
    const { code, stdout, stderr } = await run(...args);
    expect(stderr).toMatch(message);
    expect([code, stdout]).toEqual([2, '']);
  }

  it('layers and heads out of range', async () => {
    await refused(
      'there is no layer 30. This model has 30 layers, 0 to 29',
      '--vector',
      vector,
      '--layers',
      '1-30',
      'hi',
    );
    await refused('there is no KV head 3', '--vector', vector, '--heads', '3', 'hi');
  });

  it('a vector for another model, unless forced', async () => {
    const other = join(folder, 'other.safetensors');
    const made = await loadVector(vector);
    await saveVector(
      { ...made, model: { ...made.model, name: 'other', fingerprint: '0'.repeat(64) } },
      other,
    );
    await refused(/made for other .*but the model is smollm2-135m-instruct/, '--vector', other, 'hi');
    expect((await run('--vector', other, '--force', 'hi')).code).toBe(0);
  });

  it('a prompt past the context', async () => {
    await refused('context holds 8192 tokens', 'word '.repeat(9000));
  });

  it('an offset that is not one token', async () => {
    await refused('exactly one token', '--vector', vector, '--offset-token', 'two tokens', 'hi');
  });
});
