/** Items of several streams as they come, each with its stream's index. Leaving early leaves them all. */
export async function* mergeStreams<T>(
  streams: readonly AsyncIterable<T>[],
): AsyncGenerator<{ readonly index: number; readonly item: T }, void, undefined> {
  const iterators = streams.map((stream) => stream[Symbol.asyncIterator]());
  const next = (index: number) => {
    const result = iterators[index]!.next().then((result) => ({ index, result }));
    // One that fails while nobody waits is thrown when its turn comes, not a rejection that ends the process.
    result.catch(() => {});
    return result;
  };
  const pending = new Map(iterators.map((_, index) => [index, next(index)]));
  try {
    while (pending.size > 0) {
      const { index, result } = await Promise.race(pending.values());
      if (result.done) {
        pending.delete(index);
      } else {
        pending.set(index, next(index));
        yield { index, item: result.value };
      }
    }
  } finally {
    await Promise.all([...pending.keys()].map((index) => iterators[index]!.return?.()));
  }
}
