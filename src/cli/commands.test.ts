/** The commands that need no model, and what users get wrong: exit code 2, one clear message, nothing written. */
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { makeVector } from '../vectors/vector.ts';
import { saveVector } from '../vectors/vector-file.ts';
import { inProcess, kvsteer } from './kvsteer.test-support.ts';

let folder: string;
let vectorFile: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kvsteer-cli-'));
  vectorFile = join(folder, 'v.safetensors');
  const size = 3 * 2 * 4;
  await saveVector(
    makeVector({
      keys: new Float32Array(size).fill(0.5),
      values: Float32Array.from({ length: size }, (_, i) => i),
      keyMode: 'unrotated',
      model: {
        name: 'toy',
        fingerprint: 'f'.repeat(64),
        layers: 3,
        kvHeads: 2,
        headDim: 4,
        rope: { theta: 10_000, rotaryDim: 4 },
        chatTemplateHash: null,
      },
      pairs: { count: 5, hash: 'a'.repeat(64) },
      recipe: 'made up',
    }),
    vectorFile,
  );
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Refusal {
  readonly input?: string;
  /** Default: in this process, which is quicker. */
  readonly through?: typeof kvsteer;
}

async function refused(
  args: readonly string[],
  message: RegExp | string,
  { input = '', through }: Refusal = {},
): Promise<void> {
  const { code, stdout, stderr } = await (through ? through(args, { input }) : inProcess(args, input));
  expect(stderr).toMatch(message);
  expect(stderr).toMatch(/^kvsteer: /);
  expect(stderr).not.toMatch(/\n {4}at /);
  expect(stdout).toBe('');
  expect(code).toBe(2);
}

describe('help', () => {
  it('is shown without arguments and for each command, with defaults and examples', async () => {
    const { code, stdout, stderr } = await inProcess([]);
    expect([code, stderr]).toEqual([0, '']);
    for (const command of [
      'demo',
      'pull',
      'models',
      'traces',
      'pairs',
      'extract',
      'run',
      'compare',
      'inspect',
    ]) {
      expect(stdout).toContain(`\n  ${command} `);
      const help = await inProcess([command, '--help']);
      expect(help.code).toBe(0);
      expect(help.stdout).toContain('Examples:\n  kvsteer');
      expect(help.stdout.split('\n').filter((line) => line.length > 100)).toEqual([]);
    }
    expect((await inProcess(['run', '--help'])).stdout).toContain('(default: "smollm2-135m-instruct")');
    expect((await inProcess(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it('is coloured only where colours are wanted', async () => {
    const help = async (env: NodeJS.ProcessEnv) => (await kvsteer(['--help'], { env })).stdout;
    expect(await help({})).not.toContain('\u001b');
    expect(await help({ FORCE_COLOR: '1' })).toContain('\u001b[');
    expect(await help({ FORCE_COLOR: '1', NO_COLOR: '1' })).not.toContain('\u001b');
  });
});

describe('mistakes', () => {
  it('in commands and flags', async () => {
    await refused(['rnu', 'hi'], /Unknown command 'rnu'[\s\S]*Did you mean run/);
    await refused(['run', '--vectr', 'x', 'hi'], /Unknown option '--vectr'[\s\S]*Did you mean --vector/);
    await refused(['run', '--temperature', '99', 'hi'], 'from 0 to 10');
    await refused(['run', '--layers', 'all', 'hi'], 'ranges such as 1-29');
    await refused(['run', '--precision', 'int3', 'hi'], 'q4, fp32');
    await refused(['run', 'why', 'me'], 'Put the prompt in quotes');
    await refused(['compare', 'hi'], "'-v, --vector <file>' not specified");
  });

  it('in combinations of flags', async () => {
    await refused(['run', '--values', '2', 'hi'], '--values needs a vector');
    await refused(['run', '--raw', '--system', 'x', 'hi'], '--raw');
    await refused(['run', '--vector', vectorFile, '--no-offset', '--offset-token', ' ', 'hi'], 'not both');
    await refused(['extract', '-o', join(folder, 'x')], '--data steps');
    await refused(['extract', '--pairs', 'a', '--data', 'b', '-o', 'c'], 'cannot be used with');
    await refused(['demo', '--model', 'other', '--style', 'causal'], '--style chooses a vector of tiny');
    await refused(['demo', '--style', 'poetic'], 'stepwise, causal, strategy, equation');
    await refused(['demo', '--problems', '501'], 'there are 500 held-out problems');
  });

  it('in prompts', async () => {
    await refused(['run', ''], 'The prompt is empty');
    await refused(['run', ' \n'], 'The prompt is empty');
    await refused(['run'], 'nothing came in on stdin');
    await refused(['run', '-'], 'nothing came in on stdin', { input: '\n' });
  });

  it('in files', async () => {
    const damaged = join(folder, 'damaged.safetensors');
    await writeFile(damaged, 'not a vector at all');
    await refused(['inspect', join(folder, 'nowhere')], 'nowhere');
    await refused(['inspect', damaged], 'damaged.safetensors');
    await refused(['run', '--vector', damaged, 'hi'], 'damaged.safetensors');
    const plain = fileURLToPath(new URL('../../test/goldens/vectors.safetensors', import.meta.url));
    await refused(['run', '--vector', plain, 'hi'], /metadata, found none.*--key-mode post-rope/);
    await refused(['inspect', plain], '--key-mode post-rope');
    await refused(['extract', '--pairs', join(folder, 'nowhere'), '-o', join(folder, 'x')], 'no such file');
    await refused(['extract', '--pairs', damaged, '-o', vectorFile], /exists already.*--overwrite/);
    await refused(['extract', '--pairs', damaged, '-o', folder], 'is a folder');
  });

  it('in models', async () => {
    vi.stubEnv('KVSTEER_CACHE', folder);
    vi.stubEnv('HF_HUB_OFFLINE', '1');
    const unreadable = join(folder, 'model.gguf');
    await writeFile(unreadable, 'GGUF, and then nothing of the kind');
    const notGguf = join(folder, 'other.gguf');
    await writeFile(notGguf, 'PK');
    await refused(['run', '--model', join(folder, 'absent.gguf'), 'hi'], 'absent.gguf');
    await refused(['run', '--model', notGguf, 'hi'], 'other.gguf');
    await refused(['run', '--model', unreadable, 'hi'], 'model.gguf');
    await refused(['run', '--model', folder, '--json', 'hi'], 'GGUF');
    await refused(['pull', 'no such name'], 'neither a known model');
    vi.unstubAllEnvs();
  });

  it('through the real process', async () => {
    await refused(['run', '--vectr', 'x', 'hi'], /Unknown option '--vectr'/, { through: kvsteer });
    await refused(['run', '-'], 'nothing came in on stdin', { input: '\n', through: kvsteer });
    await refused(['inspect', join(folder, 'damaged.safetensors')], 'damaged', { through: kvsteer });
    await refused(['run', '--model', join(folder, 'model.gguf'), 'hi'], 'model.gguf', { through: kvsteer });
  });

  it('leave nothing behind', async () => {
    const left = await readdir(folder);
    expect(left.filter((name) => /tmp|part|\.x/.test(name))).toEqual([]);
    expect(left).not.toContain('x');
  });
});

describe('models', () => {
  it('lists what is known, also as JSON', async () => {
    vi.stubEnv('KVSTEER_CACHE', join(folder, 'empty'));
    const { code, stdout, stderr } = await inProcess(['models']);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/smollm2-135m-instruct +not here +98 MB +kvsteer pull smollm2-135m-instruct/);
    const listed = JSON.parse((await inProcess(['models', '--json'])).stdout);
    expect(listed.map(({ name }: { name: string }) => name)).toEqual(['tiny', 'smollm2-135m-instruct']);
    vi.unstubAllEnvs();
  });
});

describe('inspect', () => {
  it('draws a vector', async () => {
    const { code, stdout } = await inProcess(['inspect', vectorFile]);
    expect(code).toBe(0);
    expect(stdout).toContain('3 layers × 2 KV heads × head_dim 4');
    expect(stdout).toContain('5 contrastive pairs');
    expect(stdout.match(/^head 1 /gm)).toHaveLength(2);
  });

  it('gives the numbers as JSON', async () => {
    const { stdout, stderr } = await inProcess(['inspect', vectorFile, '--json']);
    const { keyNorms, valueNorms, model, keyMode, statistics, meanKeyNorm } = JSON.parse(stdout);
    expect(keyNorms).toEqual([
      [1, 1],
      [1, 1],
      [1, 1],
    ]);
    expect(valueNorms).toHaveLength(3);
    expect(model.name).toBe('toy');
    expect([keyMode, statistics, meanKeyNorm, stderr]).toEqual(['unrotated', null, 1, '']);
  });
});

describe('the process', () => {
  it('is quiet when the reader of its output goes away', async () => {
    const { code, stderr } = await kvsteer(['inspect', vectorFile], {
      onOutput: (child) => child.stdout?.destroy(),
    });
    expect([code, stderr]).toEqual([0, '']);
  });

  it('shows a stack on demand', async () => {
    const { code, stderr } = await kvsteer(['inspect', '/nowhere'], { env: { KVSTEER_DEBUG: '1' } });
    expect(stderr).toMatch(/InvalidFileError[\s\S]*\n {4}at /);
    expect(code).toBe(2);
  });
});
