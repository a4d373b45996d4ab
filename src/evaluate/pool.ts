/**
 * Runs `work` over a list, at most `concurrency` at a time, in any order of ending. When one fails or the signal fires, the
 * others are told by the signal they were given and are waited for, so nothing runs on behind the caller's back.
 */
export async function forEachPooled<Item>(
  items: readonly Item[],
  work: (item: Item, signal: AbortSignal) => Promise<void>,
  concurrency: number,
  signal?: AbortSignal,
): Promise<void> {
  signal?.throwIfAborted();
  const stop = new AbortController();
  const forward = () => stop.abort(signal?.reason);
  signal?.addEventListener('abort', forward, { once: true });
  let next = 0;
  const run = async () => {
    while (next < items.length) {
      stop.signal.throwIfAborted();
      // A signal of its own: hundreds that listen to one look like a leak to Node.
      await work(items[next++]!, AbortSignal.any([stop.signal]));
    }
  };
  const runners = Array.from({ length: Math.min(concurrency, items.length) }, async () => {
    try {
      await run();
    } catch (error) {
      stop.abort(error);
      throw error;
    }
  });
  try {
    await Promise.all(runners);
  } finally {
    await Promise.allSettled(runners);
    signal?.removeEventListener('abort', forward);
  }
}
