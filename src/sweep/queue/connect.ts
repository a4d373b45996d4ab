import type { Redis } from 'ioredis';
import { InvalidArgumentError, RuntimeFailureError } from '../../errors.ts';
import { loadQueuePackages } from './packages.ts';

/** How long the first connection may take. Later ones are tried until they come: a queue that restarts is waited for. */
const FIRST_CONNECTION_MS = 5000;
/** Longest pause between two tries. */
const MOST_PAUSE_MS = 1000;

/** Everything of kvsteer in a Redis that others may use too. */
export const KEY_PREFIX = 'kvsteer';

/**
 * A connection to Redis or Valkey, for BullMQ.
 *
 * @param url `redis://[user:password@]host[:port][/database]`, or `rediss://` over TLS.
 * @throws InvalidArgumentError for another address; MissingPackageError; RuntimeFailureError where nothing answers in time.
 */
export async function connect(url: string): Promise<Redis> {
  const parsed = URL.canParse(url) ? new URL(url) : null;
  if (parsed === null || !['redis:', 'rediss:'].includes(parsed.protocol) || parsed.hostname === '') {
    throw new InvalidArgumentError(
      'queue',
      'A queue is named by the address of a Redis: redis://host:6379, or rediss://user:password@host:6379 over TLS.',
    );
  }
  // The password stays out of every message.
  const place = `${parsed.hostname}:${parsed.port || '6379'}`;
  const { Redis } = await loadQueuePackages();
  let last: unknown;
  const redis = new Redis(url, {
    // BullMQ waits by itself, and asks for this.
    maxRetriesPerRequest: null,
    lazyConnect: true,
    connectTimeout: FIRST_CONNECTION_MS,
    retryStrategy: (times) => Math.min(50 * times, MOST_PAUSE_MS),
  });
  redis.on('error', (error) => {
    last = error;
  });
  const timer = AbortSignal.timeout(FIRST_CONNECTION_MS);
  const tooLate = new Promise<never>((_, reject) => {
    timer.addEventListener('abort', () => reject(timer.reason), { once: true });
  });
  try {
    await Promise.race([redis.connect().then(() => redis.ping()), tooLate]);
    return redis;
  } catch (cause) {
    redis.disconnect();
    const why = last instanceof Error ? last.message : cause instanceof Error ? cause.message : String(cause);
    throw new RuntimeFailureError(
      `No Redis answers at ${place}${why === '' ? '' : ` (${why})`}. Start one (redis-server --appendonly yes), or check the address.`,
      { cause },
    );
  }
}
