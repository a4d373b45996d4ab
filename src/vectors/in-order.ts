import { InvalidArgumentError } from '../errors.ts';

/**
 * Runs `work` over a stream, at most `concurrency` at a time, and gives the results in the order of the input.
 * When one fails, the caller's signal fires, or the caller stops early, the others are told by the signal they
 * were given and are waited for, so nothing runs on behind the caller's back.
 */
export async function* inOrder<In, Out>(
  input: Iterable<In> | AsyncIterable<In>,
  work: (item: In, index: number, signal: AbortSignal) => Promise<Out>,
  concurrency: number,
  signal?: AbortSignal,
): AsyncGenerator<Out> {
  if (!Number.isSafeInteger(concurrency) || concurrency < 1 || concurrency > 256) {
    throw new InvalidArgumentError(
      'concurrency',
      `concurrency must be an integer from 1 to 256, not ${concurrency}.`,
    );
  }
  signal?.throwIfAborted();
  const stop = new AbortController();
  const forward = () => stop.abort(signal?.reason);
  signal?.addEventListener('abort', forward, { once: true });
  const running: Promise<Out>[] = [];
  let index = 0;
  try {
    for await (const item of input) {
      signal?.throwIfAborted();
      // A signal of its own: hundreds that listen to one look like a leak to Node.
      const result = work(item, index++, AbortSignal.any([stop.signal]));
      // Awaited in turn below; until then a failure must not count as unhandled.
      result.catch(() => {});
      running.push(result);
      if (running.length >= concurrency) yield await running.shift()!;
    }
    while (running.length > 0) yield await running.shift()!;
    signal?.throwIfAborted();
  } finally {
    signal?.removeEventListener('abort', forward);
    stop.abort();
    await Promise.allSettled(running);
  }
}
