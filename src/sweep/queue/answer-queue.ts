import type { Job } from 'bullmq';
import type { Engine } from '../../engine/engine.ts';
import { KvSteerError } from '../../errors.ts';
import type { AnswerRecord } from '../../evaluate/run.ts';
import { answerJob } from '../answer-job.ts';
import { jobId, readJob, type SweepJob } from '../job.ts';
import { BlobStore } from './blob-store.ts';
import { connect, KEY_PREFIX } from './connect.ts';
import { queueName } from './names.ts';
import { loadQueuePackages } from './packages.ts';

export interface WorkerEvent {
  readonly type: 'started' | 'done' | 'failed' | 'lost';
  /** Id of the job; null for `lost`: the queue is away, and waited for. */
  readonly job: string | null;
  /** Answers of the job so far done. */
  readonly answers: number;
  readonly ms: number;
  /** Of `failed` and `lost`. */
  readonly reason: string | null;
}

export interface WorkOptions {
  /** Jobs at once, from 1; default 2, so that the batch stays full while one ends. */
  readonly jobs?: number;
  /**
   * A worker that says nothing for so long is taken for dead, and its job given to another. Default 30,000 ms; a worker
   * says so at half of it.
   */
  readonly lockMs?: number;
  /** Ends the work: jobs under way go back to the queue. */
  readonly signal: AbortSignal;
  readonly onEvent?: (event: WorkerEvent) => void;
}

/** A job whose workers died so often is not tried any more: it may be what kills them. */
const MOST_DEATHS = 8;
/** Progress of a job is told to the queue at most so often. */
const PROGRESS_MS = 1000;

/**
 * Answers the jobs of a queue with this engine until the signal fires. Jobs for other models and precisions are in other
 * queues, and left alone. What a job says is checked before anything is done with it; what cannot become right is not
 * tried again.
 *
 * @param url of Redis, as `connect` takes it.
 * @throws InvalidArgumentError, MissingPackageError, RuntimeFailureError where there is no queue to begin with.
 */
export async function answerQueue(engine: Engine, url: string, options: WorkOptions): Promise<void> {
  const { jobs = 2, lockMs = 30_000, signal, onEvent } = options;
  signal.throwIfAborted();
  const { bullmq } = await loadQueuePackages();
  const redis = await connect(url);
  const blobs = new BlobStore(redis);
  const { model, capabilities, tokenizer } = engine;
  const name = queueName({
    model: { fingerprint: model.fingerprint, chatTemplateHash: tokenizer.chatTemplateHash },
    engine: { name: capabilities.engine, precision: capabilities.precision },
  });

  const process = async (job: Job, token?: string): Promise<AnswerRecord[]> => {
    const id = job.id ?? '';
    const start = performance.now();
    const tell = (type: WorkerEvent['type'], answers: number, reason: string | null = null) =>
      onEvent?.({ type, job: id, answers, ms: performance.now() - start, reason });
    tell('started', 0);
    try {
      const asked = readChecked(job);
      let told = start;
      const answers = await answerJob(engine, asked, {
        fetchBlob: blobs.fetch,
        signal,
        onProgress: (progress) => {
          if (performance.now() - told < PROGRESS_MS) return;
          told = performance.now();
          // It is only for show: where it does not arrive, nothing is lost.
          job.updateProgress(progress).catch(() => {});
        },
      });
      tell('done', answers.length);
      return answers;
    } catch (error) {
      if (signal.aborted) {
        await job.moveToWait(token);
        throw new bullmq.WaitingError();
      }
      const reason = error instanceof Error ? error.message : String(error);
      tell('failed', 0, reason);
      if (isHopeless(error)) throw new bullmq.UnrecoverableError(reason);
      throw error;
    }
  };
  const worker = new bullmq.Worker<unknown, AnswerRecord[]>(name, process, {
    connection: redis,
    prefix: KEY_PREFIX,
    concurrency: jobs,
    lockDuration: lockMs,
    stalledInterval: lockMs,
    maxStalledCount: MOST_DEATHS,
  });
  let isLost = false;
  worker.on('error', (error) => {
    // Told once, not at every try to connect again.
    if (isLost) return;
    isLost = true;
    onEvent?.({ type: 'lost', job: null, answers: 0, ms: 0, reason: error.message });
  });
  worker.on('active', () => {
    isLost = false;
  });
  try {
    await worker.waitUntilReady();
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener('abort', () => resolve(), { once: true });
    });
  } finally {
    await worker.close();
    redis.disconnect();
  }
}

/** The content must be what the id says, or two jobs could pass for one. */
function readChecked(job: Job): SweepJob {
  const asked = readJob(job.data);
  if (jobId(asked) === job.id) return asked;
  throw new KvSteerError('invalid-argument', 'The id of the job is not the SHA-256 of what it asks for.');
}

/** Whether another try could not come out otherwise. */
function isHopeless(error: unknown): boolean {
  return (
    KvSteerError.isInstance(error) &&
    ['invalid-argument', 'invalid-file', 'model-mismatch', 'context-overflow', 'unsupported-model'].includes(
      error.code,
    )
  );
}
