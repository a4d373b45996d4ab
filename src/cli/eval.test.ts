/** `kvsteer eval` and `kvsteer tune` on a few of the bundled model's problems. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inProcess } from './kvsteer.test-support.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kvsteer-eval-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('kvsteer eval', () => {
  it('takes choices, and says what it lacks', async () => {
    const task = join(folder, 'choices.jsonl');
    const row = { id: 'q1', question: 'Which is a metal?', choices: ['iron', 'wood'], answer: 'A' };
    await writeFile(task, `${JSON.stringify(row)}\nnot JSON\n`);
    const args = [
      'eval',
      '--task',
      task,
      '--conditions',
      'plain,steered',
      '--max-tokens',
      '8',
      '--solo',
      '0',
      '--no-side-effects',
    ];
    const { code, stdout } = await inProcess(args);
    expect(code).toBe(0);
    expect(stdout).toContain('Guessing would be right on 50.0 %');
    expect(stdout).toContain('1 row of the source could not be asked');
    expect(stdout).toContain('Choices forced by the second stage');
    const lacking = await inProcess(['eval', '--task', task, '--conditions', 'plain,activation']);
    expect([lacking.code, lacking.stderr]).toEqual([2, expect.stringContaining('give --validation')]);
    const unknown = await inProcess(['eval', '--n', '1', '--conditions', 'plane']);
    expect([unknown.code, unknown.stderr]).toEqual([2, expect.stringContaining('no condition "plane"')]);
  });
});

describe('kvsteer tune', () => {
  it('names the objective, what was tried, and the figures on other questions', async () => {
    const { code, stdout } = await inProcess([
      'tune',
      '--n',
      '3',
      '--validation-n',
      '3',
      '--max-tokens',
      '120',
      '--values',
      '0,0.7',
    ]);
    expect(code).toBe(0);
    expect(stdout).toContain('Chosen on 3 validation questions');
    expect(stdout).toMatch(/c_v 0\.7 .*chosen/);
    expect(stdout).toContain('tiny:heldout (test): 3 questions');
  });
});
