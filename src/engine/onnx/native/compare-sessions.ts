import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RuntimeFailureError } from '../../../errors.ts';
import { graphFile } from '../graph/graph-manifest.ts';
import { writeGraph } from '../graph/write-graph.ts';
import { openPlainSession } from '../plain-session.ts';
import { RowPool } from '../row-pool.ts';
import type { Session } from '../session.ts';
import { miniatureCheckpoint } from './miniature-checkpoint.ts';
import { openNativeSession } from './native-session.ts';

/** What a session computes on ragged rows: prefills, an edit in place, and steps of both rows together. */
async function trace(session: Session, pool: RowPool): Promise<number[]> {
  const rows = [pool.acquire(300), pool.acquire(300)];
  const found: number[] = [];
  const lengths = [40, 7];
  for (const [i, row] of rows.entries()) {
    const tokens = Array.from({ length: lengths[i]! }, (_, t) => (t * 37 + i * 11) % 320);
    const step = {
      pool,
      firstRow: row.index,
      tokens,
      totals: [tokens.length],
      logitsAt: [tokens.length - 1],
    };
    found.push(...(await session.step(step)).logits);
    row.length = tokens.length;
  }
  for (const buffer of [pool.keys[1]!, pool.values[1]!]) {
    buffer[pool.offset(rows[0]!, 1, 39)]! += 0.5;
    found.push(...buffer.subarray(pool.offset(rows[1]!, 0, 0), pool.offset(rows[1]!, 0, 7)));
  }
  for (let t = 0; t < 3; t++) {
    for (const row of rows) row.length++;
    const totals = rows.map((row) => row.length);
    const step = { pool, firstRow: 0, tokens: [t + 5, t + 9], totals, logitsAt: [0, 1] };
    found.push(...(await session.step(step)).logits);
  }
  return found;
}

/**
 * Runs the same steps through the C API and through the npm binding.
 *
 * @throws RuntimeFailureError where they differ in a bit, or the C API cannot be used. Can end the process: run it in a child.
 */
export async function compareSessions(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'kvsteer-self-test-'));
  try {
    const { model } = await writeGraph(miniatureCheckpoint(), { precision: 'q4' }, join(folder, 'graph'));
    const options = { ...model, threads: 2, taps: false };
    const path = join(folder, 'graph', graphFile);
    const run = async (session: Session) => {
      try {
        return await trace(session, new RowPool(model, 2 ** 26));
      } finally {
        await session.dispose();
      }
    };
    const native = await run(await openNativeSession(path, options));
    const plain = await run(await openPlainSession(path, options));
    const differs = native.findIndex((value, i) => !Object.is(value, plain[i]));
    if (differs >= 0 || native.length !== plain.length) {
      throw new RuntimeFailureError(
        `The C API and the npm binding differ at value ${differs}: ${native[differs]} and ${plain[differs]}.`,
      );
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
