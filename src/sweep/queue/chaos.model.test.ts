/** What a queue is for: workers die, Redis dies, the submitter dies, and every answer is there once. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Question } from '../../data/question.ts';
import type { Engine } from '../../engine/engine.ts';
import type { Condition } from '../../evaluate/condition.ts';
import { answerKey } from '../../evaluate/run-folder.ts';
import { loadEngine } from '../../load-engine.ts';
import { runSweep } from '../run-sweep.ts';
import { timeless, tinyConditions, tinyQuestions } from '../tiny-sweep.test-support.ts';
import { noRedis, TestRedis } from './redis.test-support.ts';

const JOBS = 200;
const LOCK_MS = 1500;
const workerFile = fileURLToPath(new URL('./chaos-worker.test-support.ts', import.meta.url));

/** Workers as processes; told what they tell. */
class Workers {
  readonly #url: string;
  readonly running = new Set<ChildProcess>();
  done = 0;
  started = 0;

  constructor(url: string) {
    this.#url = url;
  }

  start(): void {
    const worker = spawn(process.execPath, ['--import', 'tsx', workerFile, this.#url, String(LOCK_MS)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.running.add(worker);
    worker.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.done += text.match(/^done /gm)?.length ?? 0;
      this.started += text.match(/^started /gm)?.length ?? 0;
    });
  }

  async killOne(): Promise<void> {
    const [worker] = this.running;
    if (worker === undefined) return;
    this.running.delete(worker);
    const gone = new Promise((resolve) => worker.once('exit', resolve));
    worker.kill('SIGKILL');
    await gone;
  }

  async untilDone(jobs: number): Promise<void> {
    while (this.done < jobs) await sleep(20);
  }
}

describe.skipIf(noRedis !== null)(`chaos${noRedis === null ? '' : ` (skipped: ${noRedis})`}`, () => {
  let engine: Engine;
  let questions: readonly Question[];
  let conditions: Record<string, Condition>;
  let folder: string;
  beforeAll(async () => {
    engine = await loadEngine('tiny', { precision: 'fp32', download: false, threads: 1 });
    questions = await tinyQuestions(JOBS);
    conditions = await tinyConditions();
    folder = await mkdtemp(join(tmpdir(), 'kvsteer-chaos-'));
  });
  afterAll(async () => {
    await engine?.[Symbol.asyncDispose]();
    if (folder) await rm(folder, { recursive: true, force: true });
  });

  it('workers killed, Redis killed, the submitter stopped: every answer once, as in one process', async () => {
    const options = { maxTokens: 64, seed: 5 };
    const alone = await runSweep(engine, questions, conditions, options);
    await using redis = await TestRedis.start();
    const workers = new Workers(redis.url);
    try {
      workers.start();
      workers.start();
      const stop = new AbortController();
      // A question under all conditions is a job.
      const queued = { ...options, answersPerJob: 1, queue: redis.url, out: join(folder, 'run') };
      const first = runSweep(engine, questions, conditions, { ...queued, signal: stop.signal });
      const firstEnded = expect(first).rejects.toThrow('the submitter dies');

      await workers.untilDone(20);
      await workers.killOne();
      workers.start();
      await workers.untilDone(40);
      stop.abort(new Error('the submitter dies'));
      await firstEnded;
      const before = (await readFile(join(folder, 'run', 'answers.jsonl'), 'utf8')).split('\n').length - 1;
      expect(before).toBeGreaterThan(0);
      expect(before).toBeLessThan(alone.answers.length);

      const second = runSweep(engine, questions, conditions, queued);
      await workers.untilDone(70);
      await redis.kill();
      await sleep(500);
      await redis.start();
      await workers.untilDone(100);
      await workers.killOne();
      await workers.killOne();
      workers.start();
      await workers.untilDone(150);
      await workers.killOne();
      workers.start();
      workers.start();

      const { answers, summary } = await second;
      expect(timeless(answers)).toEqual(timeless(alone.answers));
      expect(summary.comparisons).toEqual(alone.summary.comparisons);
      const lines = (await readFile(join(folder, 'run', 'answers.jsonl'), 'utf8')).trimEnd().split('\n');
      expect(lines).toHaveLength(alone.answers.length);
      expect(new Set(lines.map((line) => answerKey(JSON.parse(line)))).size).toBe(alone.answers.length);
      // Jobs that died with their workers were begun again.
      expect(workers.started).toBeGreaterThan(JOBS);
    } finally {
      while (workers.running.size > 0) await workers.killOne();
    }
  });
});
