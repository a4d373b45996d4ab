import type { Job, Queue } from 'bullmq';
import { RuntimeFailureError } from '../../errors.ts';
import type { AnswerRecord } from '../../evaluate/run.ts';
import { jobId, readAnswers, type SweepJob } from '../job.ts';
import { KEPT_SECONDS, storeBlobs } from './blob-store.ts';
import { connect, KEY_PREFIX } from './connect.ts';
import { queueName } from './names.ts';
import { loadQueuePackages } from './packages.ts';

export interface SubmitProgress {
  /** Jobs whose answers are here, and all. */
  readonly done: number;
  readonly total: number;
  /** Workers that take jobs of this model at present; null where it was not asked. */
  readonly workers: number | null;
}

export interface SubmitOptions {
  /** The vectors that the jobs name, by the SHA-256 of their bytes. */
  readonly blobs: ReadonlyMap<string, Uint8Array>;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: SubmitProgress) => void;
}

/** Tries of a job that fails; one that cannot come out otherwise is not tried again. */
const ATTEMPTS = 3;
/** Jobs that are added, or looked at, in one go. */
const CHUNK = 200;
/** Events tell at once what is done; so often it is looked at as well, for those that were lost on the way. */
const LOOK_MS = 2000;

/**
 * Adds jobs to the queue and gives their answers as they come, each job's exactly once. Jobs that are there already, of a
 * submitter that died, are not added again but followed; answers are kept in the queue for seven days.
 *
 * @param jobs of one model, without repetition.
 * @throws RuntimeFailureError for a job that failed on every try; InvalidArgumentError for what is no result;
 * MissingPackageError; the signal's reason. Jobs stay in the queue then, to be gone on with.
 */
export async function* submit(
  jobs: readonly SweepJob[],
  url: string,
  options: SubmitOptions,
): AsyncGenerator<{ readonly job: SweepJob; readonly answers: readonly AnswerRecord[] }> {
  const [first] = jobs;
  if (first === undefined) return;
  const { signal, onProgress } = options;
  signal?.throwIfAborted();
  const { bullmq } = await loadQueuePackages();
  const redis = await connect(url);
  const name = queueName(first);
  const shared = { connection: redis, prefix: KEY_PREFIX };
  const queue = new bullmq.Queue<SweepJob, unknown>(name, shared);
  const events = new bullmq.QueueEvents(name, shared);
  // Connections come back by themselves.
  queue.on('error', () => {});
  events.on('error', () => {});

  const pending = new Map(jobs.map((job) => [jobId(job), job]));
  const total = pending.size;
  const ended = new Set<string>();
  let wake = () => {};
  const onEnd = ({ jobId: id }: { jobId: string }) => {
    if (!pending.has(id)) return;
    ended.add(id);
    wake();
  };
  events.on('completed', onEnd);
  events.on('failed', onEnd);
  const onAbort = () => wake();
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    await events.waitUntilReady();
    await storeBlobs(redis, options.blobs);
    await addAll(queue, pending);
    /** Looked at in turn, from here on. */
    let at = 0;
    let lookedAt = Number.NEGATIVE_INFINITY;
    while (pending.size > 0) {
      signal?.throwIfAborted();
      const isDue = performance.now() - lookedAt >= LOOK_MS;
      if (isDue) {
        const ids = [...pending.keys()];
        if (at >= ids.length) at = 0;
        for (const id of ids.slice(at, at + CHUNK)) ended.add(id);
        at += CHUNK;
      }
      const next = [...ended].slice(0, CHUNK);
      for (const id of next) ended.delete(id);
      // the event of a job can come while its answers are already being fetched
      const looked = next.filter((id) => pending.has(id));
      const found = await Promise.all(looked.map((id) => look(queue, id, pending.get(id)!)));
      for (const [i, answers] of found.entries()) {
        const id = looked[i]!;
        const job = pending.get(id);
        if (answers === null || job === undefined) continue;
        pending.delete(id);
        yield { job, answers };
      }
      if (isDue) {
        lookedAt = performance.now();
        onProgress?.({ done: total - pending.size, total, workers: await queue.getWorkersCount() });
      } else if (looked.length > 0) {
        onProgress?.({ done: total - pending.size, total, workers: null });
      }
      if (ended.size > 0 || pending.size === 0) continue;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, LOOK_MS);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  } finally {
    signal?.removeEventListener('abort', onAbort);
    await Promise.allSettled([events.close(), queue.close()]);
    redis.disconnect();
  }
}

async function addAll(queue: Queue<SweepJob, unknown>, jobs: ReadonlyMap<string, SweepJob>): Promise<void> {
  const all = [...jobs];
  for (let from = 0; from < all.length; from += CHUNK) {
    const chunk = all.slice(from, from + CHUNK);
    await queue.addBulk(chunk.map(([id, data]) => ({ name: 'answers', data, opts: optionsOf(id) })));
  }
  // A job that failed for an earlier submitter is there still, so adding it did nothing.
  for (const failed of await queue.getFailed()) {
    if (failed.id !== undefined && jobs.has(failed.id)) await failed.retry('failed');
  }
}

function optionsOf(id: string) {
  const kept = { age: KEPT_SECONDS };
  return {
    jobId: id,
    attempts: ATTEMPTS,
    backoff: { type: 'exponential', delay: 500 },
    removeOnComplete: kept,
    removeOnFail: kept,
  };
}

/** The answers of a job that is done, or null. A job that the queue has lost is added again. */
async function look(
  queue: Queue<SweepJob, unknown>,
  id: string,
  job: SweepJob,
): Promise<AnswerRecord[] | null> {
  const found: Job<SweepJob, unknown> | undefined = await queue.getJob(id);
  if (found === undefined) {
    await queue.add('answers', job, optionsOf(id));
    return null;
  }
  if (found.finishedOn === undefined) return null;
  if (await found.isFailed()) {
    throw new RuntimeFailureError(
      `A job of the sweep failed ${found.attemptsMade} times: ${found.failedReason}. Its id is ${id.slice(0, 12)}; the answers so far are kept, and the same command goes on with them.`,
    );
  }
  return found.returnvalue === null || found.returnvalue === undefined
    ? null
    : readAnswers(job, found.returnvalue);
}
