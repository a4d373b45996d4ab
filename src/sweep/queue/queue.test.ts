import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Question } from '../../data/question.ts';
import type { Engine } from '../../engine/engine.ts';
import { InvalidArgumentError, InvalidFileError, RuntimeFailureError } from '../../errors.ts';
import type { Condition } from '../../evaluate/condition.ts';
import { loadEngine } from '../../load-engine.ts';
import { runSweep } from '../run-sweep.ts';
import { timeless, tinyConditions, tinyQuestions } from '../tiny-sweep.test-support.ts';
import { answerQueue, type WorkerEvent } from './answer-queue.ts';
import { BlobStore, storeBlobs } from './blob-store.ts';
import { connect, KEY_PREFIX } from './connect.ts';
import { queueName } from './names.ts';
import { noRedis, TestRedis } from './redis.test-support.ts';

describe.skipIf(noRedis !== null)(`the queue${noRedis === null ? '' : ` (skipped: ${noRedis})`}`, () => {
  let redis: TestRedis;
  let engine: Engine;
  let questions: readonly Question[];
  let conditions: Record<string, Condition>;
  beforeAll(async () => {
    redis = await TestRedis.start();
    engine = await loadEngine('tiny', { precision: 'fp32', download: false });
    questions = await tinyQuestions(30);
    conditions = await tinyConditions();
  });
  afterAll(async () => {
    await engine?.[Symbol.asyncDispose]();
    await redis?.[Symbol.asyncDispose]();
  });
  const options = { maxTokens: 24, seed: 3 };

  /** Runs `during` beside a worker, and gives what the worker told. */
  async function besideWorker(during: () => Promise<void>): Promise<WorkerEvent[]> {
    const stop = new AbortController();
    const told: WorkerEvent[] = [];
    const working = answerQueue(engine, redis.url, {
      signal: stop.signal,
      onEvent: (event) => told.push(event),
    });
    try {
      await during();
    } finally {
      stop.abort();
      await working;
    }
    return told;
  }

  it('answers as one process does; asked again, it answers from the queue', async () => {
    const alone = await runSweep(engine, questions, conditions, options);
    const inQueue = () => runSweep(engine, questions, conditions, { ...options, queue: redis.url });
    const told = await besideWorker(async () => {
      const { config, answers, summary } = await inQueue();
      expect(timeless(answers)).toEqual(timeless(alone.answers));
      expect(config).toEqual(alone.config);
      expect(summary.comparisons).toEqual(alone.summary.comparisons);
    });
    // 30 questions under 3 conditions: 64 answers a job are 21 questions, and then 9.
    expect(told.filter(({ type }) => type === 'done').map(({ answers }) => answers)).toEqual(
      expect.arrayContaining([63, 27]),
    );
    // No worker: the answers are there still.
    expect(timeless((await inQueue()).answers)).toEqual(timeless(alone.answers));
  });

  it('refuses payloads that are no jobs, without trying again', async () => {
    const { model, capabilities, tokenizer } = engine;
    const { fingerprint } = model;
    const name = queueName({
      model: { fingerprint, chatTemplateHash: tokenizer.chatTemplateHash },
      engine: { name: capabilities.engine, precision: capabilities.precision },
    });
    const connection = new Redis(redis.url, { maxRetriesPerRequest: null });
    const queue = new Queue(name, { connection, prefix: KEY_PREFIX });
    await queue.add('answers', { version: 1, model: '/etc/passwd' }, { jobId: 'bad-payload', attempts: 3 });
    const told = await besideWorker(async () => {
      while ((await queue.getFailedCount()) < 1) await new Promise((resolve) => setTimeout(resolve, 20));
    });
    expect(told.find(({ type }) => type === 'failed')?.reason).toMatch(/no job of this version.*model/);
    const [failed] = await queue.getFailed();
    expect(failed?.attemptsMade).toBe(1);
    await queue.close();
    connection.disconnect();
  });

  it('keeps vectors by content: other bytes, and too many, are refused', async () => {
    const client = await connect(redis.url);
    const bytes = Uint8Array.of(1, 2, 3);
    await storeBlobs(client, new Map([['aa', bytes]]));
    expect(await new BlobStore(client).fetch('aa')).toEqual(bytes);
    await expect(new BlobStore(client).fetch('bb')).rejects.toThrow(InvalidFileError);
    // A megabyte past the bound, without sending it: Redis fills the gap with zeros.
    await client.setrange(`${KEY_PREFIX}:blob:cc`, 2 ** 26 + 2 ** 20, 'x');
    await expect(new BlobStore(client).fetch('cc')).rejects.toThrow(/larger than 67108864 bytes/);
    await client.del(`${KEY_PREFIX}:blob:cc`);
    client.disconnect();
  });
});

describe('connect', () => {
  it('says what an address looks like, and that none answers, without the password', async () => {
    for (const bad of ['localhost:6379', 'http://localhost', 'redis://']) {
      await expect(connect(bad)).rejects.toThrow(InvalidArgumentError);
    }
    const refused = connect('redis://user:secret@127.0.0.1:1');
    await expect(refused).rejects.toThrow(RuntimeFailureError);
    await expect(refused).rejects.toThrow(/No Redis answers at 127\.0\.0\.1:1 .*ECONNREFUSED/);
    await expect(refused).rejects.not.toThrow(/secret/);
  });
});
