import { expect, it } from 'vitest';
import { Pace, retryAfterMs } from './pace.ts';

it.each([
  [{ 'retry-after-ms': '250', 'retry-after': '9' }, 250],
  [{ 'retry-after': '2' }, 2000],
  [{ 'retry-after': '0.5' }, 500],
  [{ 'retry-after': 'Thu, 01 Jan 1970 00:01:00 GMT' }, 50_000],
  [{ 'retry-after': 'Thu, 01 Jan 1970 00:00:01 GMT' }, 0],
  [{ 'retry-after': 'soon' }, null],
  [{}, null],
])('%j asks for %s ms', (headers, ms) => {
  expect(retryAfterMs(new Headers(headers as Record<string, string>), 10_000)).toBe(ms);
});

it('waits twice as long each time, at least half of it, and stops when it is told to', async () => {
  const pace = new Pace({ firstMs: 20, mostMs: 50, random: () => 0 });
  const { signal } = new AbortController();
  const waits: number[] = [];
  for (const failures of [1, 2, 9]) {
    const from = performance.now();
    await pace.afterFailure(failures, signal);
    waits.push(performance.now() - from);
  }
  for (const [i, least] of [10, 20, 25].entries()) expect(waits[i]).toBeGreaterThanOrEqual(least - 1);
  pace.keepQuiet(60_000);
  const stop = new AbortController();
  const quiet = pace.untilQuietEnds(stop.signal);
  stop.abort(new Error('enough'));
  await expect(quiet).rejects.toThrow('enough');
});
