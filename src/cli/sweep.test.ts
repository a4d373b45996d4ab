import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inProcess } from './kvsteer.test-support.ts';
import { shippedFile } from './shipped-file.ts';

describe('kvsteer sweep and report', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kvsteer-sweep-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));
  const task = ['--task', shippedFile('tiny', 'problems', 'heldout.jsonl'), '--limit', '4'];
  const model = ['--model', 'tiny', '--precision', 'fp32'];
  const vector = ['-v', shippedFile('tiny', 'vectors', 'stepwise.safetensors')];

  it('sweeps, goes on where it stopped, and reports', async () => {
    const out = join(folder, 'run');
    const args = ['sweep', ...task, ...model, ...vector, '--values', '0.7,1', '--max-tokens', '8', '-o', out];
    const first = await inProcess([...args, '--json']);
    expect(first.code).toBe(0);
    const { conditions, curves } = JSON.parse(first.stdout);
    expect(Object.keys(conditions)).toEqual([
      'plain',
      'c_v 0.7',
      'c_v 1',
      'random 1, c_v 0.7',
      'random 1, c_v 1',
    ]);
    expect(curves[0].points.map(({ coefficient }: { coefficient: number }) => coefficient)).toEqual([
      0, 0.7, 1,
    ]);
    const answers = await readFile(join(out, 'answers.jsonl'), 'utf8');
    const second = await inProcess(args);
    expect(second.stdout).toMatch(/c_v 0\.7 .*\n.*c_v 1 [\s\S]*kvsteer report/);
    expect(await readFile(join(out, 'answers.jsonl'), 'utf8')).toBe(answers);
    const other = await inProcess([...args.slice(0, -2), '--seed', '1', '-o', out]);
    expect([other.code, other.stderr]).toEqual([2, expect.stringMatching(/another configuration: seed/)]);

    const markdown = await inProcess(['report', out, '--markdown']);
    expect(markdown.stdout).toMatch(/^# run\n[\s\S]*\| plain \|/);
    const page = join(folder, 'page.html');
    const html = await inProcess(['report', '--compare', out, out, '-o', page]);
    expect(html.stdout).toContain(page);
    expect(await readFile(page, 'utf8')).toMatch(/run against run[\s\S]*validation|heldout/);
  });

  it('refuses flags that do not go together before it loads anything', async () => {
    const refused: [string[], RegExp][] = [
      [['sweep', ...task, '-o', folder], /--vector, or --data/],
      [['sweep', ...task, ...vector, '--turns', '2', '-o', folder], /--turns is about making vectors/],
      [
        ['sweep', ...task, ...vector, '--strengths', '2', '-o', folder],
        /--activation-layers and --strengths/,
      ],
      [['sweep', ...task, ...vector, '--values', '1,1', '-o', folder], /there twice/],
      [['sweep', ...task, ...vector], /--out/],
      [['worker'], /--queue/],
      [['report'], /at least one run/],
      [['report', '--compare', folder], /takes two runs; 1/],
      [['report', '--sql', 'select 1'], /--duckdb/],
      [['report', folder], /not a run/],
    ];
    for (const [args, message] of refused) {
      const { code, stderr } = await inProcess(args);
      expect([args, code, stderr]).toEqual([args, 2, expect.stringMatching(message)]);
    }
  });
});
