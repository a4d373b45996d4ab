/** combine, import, inspect and extract's aggregations, with the bundled model. */
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { readSafetensors } from '../tensor/safetensors/read.ts';
import { writeSafetensors } from '../tensor/safetensors/write.ts';
import { loadVector, readBounded } from '../vectors/vector-file.ts';
import { inProcess } from './kvsteer.test-support.ts';
import { shippedFile } from './shipped-file.ts';

let folder: string;
const at = (name: string) => join(folder, name);
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kvsteer-vectors-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function done(...args: string[]) {
  const { code, stdout, stderr } = await inProcess(args);
  expect(code, stderr).toBe(0);
  return stdout;
}
async function refused(message: RegExp, ...args: string[]) {
  const { code, stderr } = await inProcess(args);
  expect(stderr).toMatch(message);
  expect(code).toBe(2);
}

describe('combine', () => {
  it('takes bundled vectors by name and files by path, and records the formula', async () => {
    const mix = at('mix.safetensors');
    const stdout = await done('combine', '0.7*stepwise + 0.3*causal', '-o', mix, '--recommend-values', '2');
    expect(stdout).toContain(`✔ ${mix}`);
    const [a, b] = await Promise.all(
      ['stepwise', 'causal'].map((style) =>
        loadVector(shippedFile('tiny', 'vectors', `${style}.safetensors`)),
      ),
    );
    const vector = await loadVector(mix);
    for (const part of ['keys', 'values'] as const) {
      for (const [i, value] of vector[part].entries()) {
        expect(value).toBeCloseTo(0.7 * a![part][i]! + 0.3 * b![part][i]!, 5);
      }
    }
    expect(vector.recipe).toMatch(
      /^0\.7\*stepwise \+ 0\.3\*causal where stepwise = \(items of .*\), causal = \(/,
    );
    expect(vector).toMatchObject({ aggregation: 'combined', licence: 'MIT' });
    expect(vector.recommended).toMatchObject({ values: 2, keys: 0 });
    const half = JSON.parse(
      await done('combine', `"${at('mix')}" / 2`, '-o', at('half.safetensors'), '--json'),
    );
    expect(half.meanValueNorm).toBeGreaterThan(0);
    expect(await done('inspect', at('half'))).toContain('other vectors');
  });

  it('says where a formula is wrong, and writes nothing', async () => {
    const out = at('no.safetensors');
    await refused(
      /there is no function|There is no function mean[\s\S]*\n {2}mean\(a\)\n {2}\^/i,
      'combine',
      'mean(a)',
      '-o',
      out,
    );
    await refused(/nowhere: cannot be read/, 'combine', 'stepwise + nowhere', '-o', out);
    await refused(/exists already/, 'combine', 'stepwise', '-o', at('mix.safetensors'));
    expect(await readdir(folder)).not.toContain('no.safetensors');
  });
});

describe('extract', () => {
  const items = shippedFile('tiny', 'problems', 'pairs-items.jsonl');
  const extract = (...args: string[]) => [
    'extract',
    '--model',
    'tiny',
    '--data',
    items,
    '--style',
    'stepwise',
    '--against',
    'direct',
    ...args,
  ];

  it('aggregates, prunes, and keeps the result for the next time', async () => {
    vi.stubEnv('KVSTEER_CACHE', at('cache'));
    const run = (name: string, ...args: string[]) =>
      done(...extract('--pairs-count', '8', '--turns', '1', '-o', at(name), '--json', ...args)).then((json) =>
        JSON.parse(json),
      );
    const clusters = await run('k.safetensors', '--aggregate', 'kmeans', '--clusters', '2');
    expect(clusters.pairsFromCache).toBe(0);
    const again = await run('p.safetensors', '--aggregate', 'kmeans', '--clusters', '2', '--heads', 'norm:3');
    expect(again.pairsFromCache).toBe(8);
    const pruned = await loadVector(at('p.safetensors'));
    expect(pruned.keptHeads!.flat()).toHaveLength(3);
    expect(pruned.recipe).toMatch(/heads by norm:3$/);
    expect((await loadVector(at('k.safetensors'))).centroids).toHaveLength(2);
    const shown = await done('inspect', at('p.safetensors'));
    expect(shown).toMatch(/clusters +\d+ \+ \d+ pairs, a vector each/);
    expect(shown).toMatch(/kept heads +3 of 12 \(layer:head/);
    await run('a.safetensors', '--heads', 'ablation:2');
    expect((await loadVector(at('a.safetensors'))).keptHeads!.flat()).toHaveLength(2);
    const reliable = await run('r.safetensors', '--heads', 'reliability:0.9');
    expect(reliable.statistics.normInterval.values.low).toBeGreaterThan(0);
    expect(await done('inspect', at('k.safetensors'))).toMatch(/mean norm +values \S+ \(\S+ to \S+\)/);
    vi.unstubAllEnvs();
  });

  it('refuses flags that say nothing', async () => {
    await refused(/--clusters needs --aggregate kmeans/, ...extract('--clusters', '2', '-o', at('x')));
    await refused(/Expected norm:N/, ...extract('--heads', 'norm:0.5', '-o', at('x')));
    await refused(/all 64 are asked/, ...extract('--heads', 'ablation:2', '-o', at('x')));
    await refused(/mean, median, pca/, ...extract('--aggregate', 'mode', '-o', at('x')));
  });
});

describe('import', () => {
  it("makes another tool's layout a vector of the model, and refuses what does not fit", async () => {
    const bytes = await readBounded(shippedFile('tiny', 'vectors', 'stepwise.safetensors'));
    const { shape, data } = readSafetensors(bytes, 'x').tensors.get('values')!;
    const [layers, kvHeads, headDim] = shape as [number, number, number];
    const size = kvHeads * headDim;
    const floats = new Float32Array(data.slice().buffer);
    const layered = (count: number) =>
      new Map(
        ['keys', 'values'].flatMap((part) =>
          Array.from(
            { length: count },
            (_, layer) =>
              [
                `${part}.${layer}`,
                { shape: [1, kvHeads, 1, headDim], data: floats.subarray(layer * size, (layer + 1) * size) },
              ] as const,
          ),
        ),
      );
    await writeFile(at('reference.safetensors'), writeSafetensors(layered(layers)));
    await writeFile(at('short.safetensors'), writeSafetensors(layered(layers - 1)));
    const out = at('imported.safetensors');
    await done('import', at('reference.safetensors'), '--model', 'tiny', '-o', out);
    const vector = await loadVector(out);
    expect(vector.values).toEqual(floats);
    expect(vector).toMatchObject({
      keyMode: 'post-rope',
      aggregation: 'imported',
      recipe: 'imported from reference.safetensors',
      model: { name: 'tiny', layers },
    });
    expect(await done('run', '--model', 'tiny', '--vector', out, '--max-tokens', '3', 'hi')).not.toBe('');
    const refuse = (message: RegExp, file: string) =>
      refused(message, 'import', file, '--model', 'tiny', '-o', at('no.safetensors'));
    await refuse(/values of 6 layers|keys of 6 layers, found none of layer 5/, at('short.safetensors'));
    await refuse(/is a kvsteer vector already/, out);
    await refuse(/nowhere: cannot be read/, 'nowhere');
    expect(await readdir(folder)).not.toContain('no.safetensors');
  });
});
