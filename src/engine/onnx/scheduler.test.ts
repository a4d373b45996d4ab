import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { graphFile } from './graph/graph-manifest.ts';
import { writeGraph } from './graph/write-graph.ts';
import { miniatureCheckpoint } from './native/miniature-checkpoint.ts';
import { openPlainSession } from './plain-session.ts';
import { RowPool } from './row-pool.ts';
import { Scheduler } from './scheduler.ts';
import type { Session, Step } from './session.ts';

let folder: string;
let session: Session;
let model: Awaited<ReturnType<typeof writeGraph>>['model'];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kvsteer-scheduler-'));
  ({ model } = await writeGraph(miniatureCheckpoint(), { precision: 'q4' }, join(folder, 'graph')));
  session = await openPlainSession(join(folder, 'graph', graphFile), { ...model, threads: 2, taps: false });
});
afterAll(async () => {
  await session?.dispose();
  await rm(folder, { recursive: true, force: true });
});

/** A scheduler over the real session, and the steps that it asked for. */
function watched() {
  const steps: Step[] = [];
  const pool = new RowPool(model, 2 ** 28);
  const watching: Session = {
    ...session,
    runtime: session.runtime,
    maxRows: session.maxRows,
    step: (step) => {
      steps.push(step);
      return session.step(step);
    },
  };
  return { steps, pool, scheduler: new Scheduler(model, pool, async () => watching) };
}

async function prefill(
  { pool, scheduler }: ReturnType<typeof watched>,
  tokens: readonly number[],
  at = [tokens.length - 1],
) {
  const row = pool.acquire(tokens.length);
  const job = { row, tokens, at, hidden: false, residual: undefined, signal: undefined };
  const { logits } = await scheduler.prefill(job);
  const last = pool.offset(row, 1, tokens.length - 1);
  return { logits, key: pool.keys[1]!.slice(last, last + model.headDim), length: row.length };
}

const tokens = (count: number, seed: number) =>
  Array.from({ length: count }, (_, t) => (t * 37 + seed * 101) % model.vocabSize);

describe('prompts that begin alike', () => {
  const tails = [3, 40, 2, 300];
  const prompts = () => tails.map((tail, i) => [...tokens(120, 1), ...tokens(tail, i + 2)]);

  it('compute the common part once, and come out as they do alone, bit for bit', async () => {
    const alone = [];
    for (const prompt of prompts()) alone.push(await prefill(watched(), prompt));
    const together = watched();
    const found = await Promise.all(prompts().map((prompt) => prefill(together, prompt)));
    expect(found).toEqual(alone);
    const read = together.steps.reduce((sum, step) => sum + step.tokens.length, 0);
    expect(read).toBe(120 + tails.reduce((a, b) => a + b, 0));
  });

  it('keep the positions whose logits are asked for', async () => {
    const [prompt] = prompts();
    const at = [50, 122];
    const alone = await prefill(watched(), prompt!, at);
    const together = watched();
    const [, found] = await Promise.all([prefill(together, prompt!), prefill(together, prompt!, at)]);
    expect(found).toEqual(alone);
  });

  it('share nothing below a length that is worth it', async () => {
    const together = watched();
    await Promise.all([0, 1].map((i) => prefill(together, [...tokens(10, 1), ...tokens(20, i + 2)])));
    expect(together.steps.reduce((sum, step) => sum + step.tokens.length, 0)).toBe(60);
  });
});

describe('a prompt', () => {
  it.each([65, 129, 257, 258, 321, 513, 600])(
    'of %i tokens comes out the same wherever it is cut',
    async (length) => {
      const whole = watched();
      const { logits } = await prefill(whole, tokens(length, 5));
      expect(Math.min(...whole.steps.map((step) => step.tokens.length))).toBeGreaterThan(1);
      for (const cut of [16, 33, length >> 1, length - 40]) {
        const { pool, scheduler } = watched();
        const row = pool.acquire(length);
        const job = { row, hidden: false, residual: undefined, signal: undefined };
        await scheduler.prefill({ ...job, tokens: tokens(length, 5).slice(0, cut), at: [] });
        const rest = tokens(length, 5).slice(cut);
        const second = await scheduler.prefill({ ...job, tokens: rest, at: [rest.length - 1] });
        expect(second.logits).toEqual(logits);
      }
    },
  );
});
