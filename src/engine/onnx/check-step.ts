import { RuntimeFailureError } from '../../errors.ts';
import type { Step } from './session.ts';

/**
 * A kernel trusts the lengths it is given and would write past a buffer: what does not fit its pool is stopped here.
 *
 * @throws RuntimeFailureError
 */
export function checkStep({ pool, firstRow, tokens, totals, logitsAt }: Step): void {
  const rows = totals.length;
  const width = tokens.length / rows;
  if (rows < 1 || !Number.isInteger(firstRow) || firstRow < 0 || firstRow + rows > pool.rows) {
    fail(`rows ${firstRow} to ${firstRow + rows - 1} of a pool of ${pool.rows}`);
  }
  const numbers = pool.rows * pool.rowStride;
  for (const buffer of [...pool.keys, ...pool.values]) {
    if (buffer.length !== numbers)
      fail(`a buffer of ${buffer.length} numbers where the pool needs ${numbers}`);
  }
  if (!Number.isInteger(width) || width < 1) fail(`${tokens.length} tokens in ${rows} rows`);
  let longest = 0;
  for (const total of totals) {
    if (!Number.isInteger(total) || total < 1 || total > pool.capacity) {
      fail(`a row of ${total} positions where ${pool.capacity} fit`);
    }
    longest = Math.max(longest, total);
  }
  if (width > longest) fail(`${width} tokens a row where the longest row ends at ${longest}`);
  for (const at of logitsAt) {
    if (!Number.isInteger(at) || at < 0 || at >= tokens.length) {
      fail(`logits at ${at} of ${tokens.length} tokens`);
    }
  }
}

function fail(what: string): never {
  throw new RuntimeFailureError(`The engine asked its session for ${what}. This is a defect of kvsteer.`);
}
