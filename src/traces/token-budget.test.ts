import fc from 'fast-check';
import { expect, it } from 'vitest';
import { seededRandom } from '../tensor/random.ts';
import { promptTokenBound, TokenBudget } from './token-budget.ts';

it('is never exceeded, and refuses only what would exceed it', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 3000 }),
      fc.integer({ min: 0, max: 500 }),
      fc.nat(),
      async (cap, before, seed) => {
        const budget = new TokenBudget(cap, before);
        const random = seededRandom(seed);
        const { signal } = new AbortController();
        let used = before;
        let refused = 0;
        await Promise.all(
          Array.from({ length: 8 }, async () => {
            for (let i = 0; i < 6; i++) {
              const most = 1 + Math.floor(random() * 200);
              if (!(await budget.reserve(most, signal))) {
                // Nothing is under way that could still settle for less.
                expect(used + most).toBeGreaterThan(cap);
                refused++;
                continue;
              }
              await Promise.resolve();
              const real = Math.floor(random() * (most + 1));
              used += real;
              budget.settle(most, real);
            }
          }),
        );
        expect(budget.spent).toBe(used);
        expect(used).toBeLessThanOrEqual(Math.max(cap, before));
        if (before + 8 * 6 * 200 <= cap) expect(refused).toBe(0);
      },
    ),
    { numRuns: 50 },
  );
});

it('lets go of a request that waits when it is told to', async () => {
  const budget = new TokenBudget(10, 0);
  const stop = new AbortController();
  await budget.reserve(10, stop.signal);
  const waiting = budget.reserve(1, stop.signal);
  stop.abort(new Error('enough'));
  await expect(waiting).rejects.toThrow('enough');
});

it('bounds the tokens of a prompt by its bytes', () => {
  expect(promptTokenBound([{ content: 'äb' }, { content: '' }])).toBe(3 + 32 + 128);
});
