/**
 * Runs `worker` so many times at once. When one fails or the signal fires, the others are told by the signal they were given
 * and are waited for.
 */
export async function inParallel(
  count: number,
  signal: AbortSignal | undefined,
  worker: (stop: AbortSignal) => Promise<void>,
): Promise<void> {
  const stop = new AbortController();
  const forward = () => stop.abort(signal?.reason);
  signal?.addEventListener('abort', forward, { once: true });
  try {
    const workers = Array.from({ length: count }, async () => {
      try {
        // A signal of its own: hundreds that listen to one look like a leak to Node.
        await worker(AbortSignal.any([stop.signal]));
      } catch (error) {
        stop.abort(error);
        throw error;
      }
    });
    await Promise.allSettled(workers);
    signal?.throwIfAborted();
    await Promise.all(workers);
  } finally {
    signal?.removeEventListener('abort', forward);
  }
}
