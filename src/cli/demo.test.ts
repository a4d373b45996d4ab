import { describe, expect, it } from 'vitest';
import { inProcess } from './kvsteer.test-support.ts';
import { shippedFile } from './shipped-file.ts';

describe('demo of the bundled model', () => {
  it('tells the story in plain words, in any style, inside the width', async () => {
    const { code, stdout, stderr } = await inProcess(['demo', '--style', 'causal', '--problems', '12']);
    expect(code, stderr).toBe(0);
    expect(stderr).toMatch(/answering \(48\)\n$/);
    const headings = stdout.match(/^\S.*$/gm);
    expect(headings).toEqual([
      'kvsteer demo: one edit of the KV cache changes how a model answers',
      'A problem the model has never seen',
      'Its plain answer',
      'The one edit',
      'Its steered answer: same model, same prompt',
      'Was it luck? 12 held-out problems, asked in four ways',
      'What you saw',
      'What it does not prove',
      'Where to go next',
    ]);
    expect(stdout).toMatch(/the last token of the prompt \("\\n"\), in layers 1-5/);
    expect(stdout).toMatch(/\n {2}Because .*therefore/);
    expect(stdout).toMatch(/random vector +[█░]+ +\d+\.\d % +\d+\.\d to \d+\.\d +\d+\.\d +\d+\.\d % +12\n/);
    expect(stdout.split('\n').filter((line) => line.length > 100)).toEqual([]);
    expect(stdout).not.toContain('\u001b');
  });

  it('gives the figures as JSON, and they show the effect', async () => {
    const { code, stdout } = await inProcess(['demo', '--json', '--problems', '60']);
    expect(code).toBe(0);
    const { plain, steered, random, cot, example, ...rest } = JSON.parse(stdout);
    expect(rest).toMatchObject({
      model: 'tiny',
      precision: 'q4',
      style: 'stepwise',
      coefficients: { values: expect.any(Number), keys: expect.any(Number) },
    });
    for (const one of [plain, steered, random, cot]) {
      expect(Object.keys(one)).toEqual(['accuracy', 'interval', 'tokens', 'n', 'inStyle']);
      expect(one.n).toBe(60);
      expect(one.interval[0]).toBeLessThanOrEqual(one.accuracy);
      expect(one.interval[1]).toBeGreaterThanOrEqual(one.accuracy);
    }
    expect(plain.accuracy).toBeLessThanOrEqual(0.35);
    expect(steered.accuracy).toBeGreaterThanOrEqual(0.9);
    expect(steered.inStyle).toBeGreaterThanOrEqual(0.9);
    expect(Math.abs(random.accuracy - plain.accuracy)).toBeLessThanOrEqual(0.1);
    expect(steered.tokens).toBeGreaterThan(plain.tokens * 3);
    expect(example.edit).toMatchObject({ positionFromEnd: 1, layers: [1, 2, 3, 4, 5], numbers: 320 });
    expect(example.plain.steering).toBeNull();
    expect(example.steered.editedPosition).toBe(example.edit.position);
  });
});

describe('demo of another model', () => {
  // The bundled model by its path is any other model: small, so this is quick.
  const args = ['demo', '--model', shippedFile('tiny', 'model.gguf'), '--problems', '3'];

  it('extracts, answers side by side, and counts', async () => {
    const { code, stdout, stderr } = await inProcess(args);
    expect(code, stderr).toBe(0);
    expect(stderr).toMatch(/extracting pairs \(16\)\nanswering \(2\)\nanswering \(15\)\n$/);
    expect(stdout).toMatch(/^ {2}plain +│ steered, values × 4/m);
    expect(stdout).toMatch(/^ {2}values × 2 +[█░]+ +\d of 3$/m);
    expect(stdout).toMatch(/^ {2}random vector × 4 +[█░]+ +\d of 3$/m);
    expect(stdout.split('\n').filter((line) => line.length > 100 && !line.includes('kvsteer '))).toEqual([]);
  });

  it('gives the counts as JSON', async () => {
    const { examples, doseResponse, coefficients } = JSON.parse(
      (await inProcess([...args, '--json'])).stdout,
    );
    expect(coefficients).toEqual({ values: 4, keys: 0 });
    expect(examples.map((one: { plain: { steering: unknown } }) => one.plain.steering)).toEqual([null, null]);
    expect(doseResponse.map(({ condition, values }: Record<string, unknown>) => [condition, values])).toEqual(
      [
        ['plain', 0],
        ['steered', 1],
        ['steered', 2],
        ['steered', 4],
        ['random', 4],
      ],
    );
  });
});
