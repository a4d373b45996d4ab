import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { KEY, startTeacher, sums, wrongAttempts } from '../traces/misbehaving-teacher.test-support.ts';
import { inProcess } from './kvsteer.test-support.ts';

let folder: string;
let source: string;
const questions = sums(8);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kvsteer-cli-traces-'));
  source = join(folder, 'sums.jsonl');
  const rows = questions.map((question, i) => ({ ...question, rationale: i < 6 ? ['Add.', 'Done.'] : null }));
  await writeFile(source, rows.map((row) => JSON.stringify(row)).join('\n'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));
afterEach(() => vi.unstubAllEnvs());

const lines = async (file: string) =>
  (await readFile(file, 'utf8'))
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

describe('kvsteer traces', () => {
  it('asks the teacher of the environment, says what it cost, and goes on with a file of its own', async () => {
    await using server = await startTeacher();
    vi.stubEnv('OPENAI_BASE_URL', server.url);
    vi.stubEnv('OPENAI_API_KEY', KEY);
    const output = join(folder, 'asked.jsonl');
    const args = [
      'traces',
      '--data',
      source,
      '--teacher',
      'big',
      '--price-in',
      '1000',
      '--price-out',
      '2000',
      '-o',
      output,
    ];
    const kept = questions.filter(({ question }) => wrongAttempts(question, 'Stepwise') < 3);
    const { code, stdout, stderr } = await inProcess(args);
    expect([code, stderr]).toEqual([0, 'asking big (8)\n']);
    expect(stdout).toContain(`${kept.length} of 8 questions`);
    expect(stdout).toContain(
      `kvsteer extract --data ${output} --style stepwise --against direct -o asked.safetensors`,
    );
    expect((await lines(output)).map(({ id }) => id)).toEqual(kept.map(({ id }) => id));
    expect(server.seen[0]!.body.model).toBe('big');
    expect(server.seen[0]!.headers.authorization).toBe(`Bearer ${KEY}`);
    expect(stdout + stderr).not.toContain(KEY);
    const before = server.seen.length;
    const again = await inProcess([...args, '--json']);
    expect(again.code).toBe(0);
    const { tokens, cost, answers } = JSON.parse(again.stdout);
    expect(answers).toEqual({ asked: 0, recorded: before });
    expect(cost).toBeCloseTo((tokens.prompt * 1000 + tokens.completion * 2000) / 1e6, 9);
    expect(tokens.prompt).toBeGreaterThan(300 * before);
    expect(server.seen.length).toBe(before);
  });

  it('stops at the spending cap and says so', async () => {
    await using server = await startTeacher();
    const args = ['traces', '--data', source, '--base-url', server.url, '-o', join(folder, 'capped.jsonl')];
    const { code, stdout } = await inProcess([...args, '--max-tokens-total', '5000']);
    expect(code).toBe(0);
    expect(stdout).toContain('Stopped at the spending cap.');
    expect(stdout).toMatch(/left +\d+, beyond the cap of 5,000 tokens/);
    expect(server.written).toBeLessThanOrEqual(5000);
  });

  it("takes people's solutions, and a file's traces with right answers", async () => {
    const output = join(folder, 'people.jsonl');
    const { code, stdout } = await inProcess([
      'traces',
      '--data',
      source,
      '--from',
      'rationale',
      '-o',
      output,
    ]);
    expect(code).toBe(0);
    expect(stdout).toContain('6 of 8 questions');
    expect((await lines(output))[0]).toMatchObject({
      steps: ['Add.', 'Done.'],
      answer: '4',
      styles: { direct: ' The answer is 4.', stepwise: 'Add.\nDone.\nThe answer is 4.' },
    });
    const file = join(folder, 'given.jsonl');
    const given = [
      { id: 'sum-0', trace: 'So it is. The answer is 4.' },
      { question: questions[1]!.question.toUpperCase(), styles: { odd: 'Or so. The answer is 7.' } },
      { id: 'sum-2', trace: 'So it is. The answer is 11.' },
    ];
    await writeFile(file, given.map((row) => JSON.stringify(row)).join('\n'));
    const other = join(folder, 'file.jsonl');
    const taken = await inProcess([
      'traces',
      '--data',
      source,
      '--from',
      file,
      '--style',
      'odd',
      '-o',
      other,
      '--json',
    ]);
    expect(JSON.parse(taken.stdout)).toEqual({ total: 8, kept: 2, wrong: 1, missing: 5, output: other });
    expect((await lines(other)).map(({ styles }) => styles.odd)).toEqual([
      'So it is. The answer is 4.',
      'Or so. The answer is 7.',
    ]);
  });

  it('refuses what cannot be', async () => {
    const output = join(folder, 'refused.jsonl');
    const refused = async (args: readonly string[], message: RegExp | string) => {
      const { code, stdout, stderr } = await inProcess(['traces', '--data', source, '-o', output, ...args]);
      expect(stderr).toMatch(message);
      expect([code, stdout]).toEqual([2, '']);
    };
    vi.stubEnv('OPENAI_API_KEY', '');
    vi.stubEnv('OPENAI_BASE_URL', '');
    await refused([], 'OpenAI needs a key: set OPENAI_API_KEY');
    await refused(
      ['--style', 'poetic'],
      /"poetic" is no style.*stepwise, strategy, causal, deduction, analogy/,
    );
    await refused(['--style', 'causal,causal'], 'none twice');
    await refused(['--base-url', 'ftp://x'], 'must begin with http');
    await refused(['--price-in', '1'], 'go together');
    await refused(['--from', 'rationale', '--teacher', 'x'], 'cannot be used with');
    await refused(['--from', 'rationale', '--style', 'causal'], 'leave --style out');
    await refused(['-o', source, '--from', 'rationale'], 'exists already');
    await using server = await startTeacher({
      instead: () => ({ status: 400, body: { error: { message: 'No.' } } }),
    });
    await refused(['--base-url', server.url], /No trace was kept of 8 questions: 8 not answered.*400 No\./);
  });
});
