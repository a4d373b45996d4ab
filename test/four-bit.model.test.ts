/** What carrying the GGUF's 4-bit blocks over costs against the float32 graph of the same GGUF. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Engine } from '../src/engine/engine.ts';
import { loadEngine } from '../src/load-engine.ts';
import { argmax, logSumExp } from '../src/tensor/index.ts';
import { goldenGenerations, goldenPairs } from './goldens.ts';

let fp32: Engine;
let q4: Engine;
beforeAll(async () => {
  fp32 = await loadEngine('smollm2-135m-instruct', { precision: 'fp32' });
  q4 = await loadEngine('smollm2-135m-instruct', { precision: 'q4' });
});
afterAll(async () => {
  await fp32?.[Symbol.asyncDispose]();
  await q4?.[Symbol.asyncDispose]();
});

/** For each position from `from` - 1 on: the likeliest next token, and the log-probability of the one that follows. */
async function score(engine: Engine, tokens: readonly number[], from: number) {
  const at = tokens.slice(0, -1).flatMap((_, i) => (i >= from - 1 ? [i] : []));
  const { cache, logits } = await engine.prefill(tokens.slice(0, -1), { at });
  await cache[Symbol.asyncDispose]();
  const { vocabSize } = engine.model;
  return at.map((position, i) => {
    const row = logits.subarray(i * vocabSize, (i + 1) * vocabSize);
    return { top: argmax(row), logprob: row[tokens[position + 1]!]! - logSumExp(row) };
  });
}

describe('the 4-bit graph against float32', () => {
  it('agrees on the likeliest token at 97 % of the positions of the plain outputs', async () => {
    let same = 0;
    let positions = 0;
    for (const { prompt_token_ids, output_token_ids, mode } of goldenGenerations) {
      if (mode !== 'plain_no_offset_token') continue;
      const tokens = [...prompt_token_ids, ...output_token_ids];
      const [a, b] = [
        await score(fp32, tokens, prompt_token_ids.length),
        await score(q4, tokens, prompt_token_ids.length),
      ];
      positions += a.length;
      same += a.filter(({ top }, i) => top === b[i]!.top).length;
    }
    process.stdout.write(`4-bit, top-1 agreement: ${same} of ${positions}\n`);
    expect(same / positions).toBeGreaterThanOrEqual(0.97);
  });

  it('has a perplexity within 2 % on the golden texts', async () => {
    const sum = { fp32: 0, q4: 0, positions: 0 };
    for (const { positive } of goldenPairs.pairs) {
      const [a, b] = [await score(fp32, positive.token_ids, 1), await score(q4, positive.token_ids, 1)];
      a.forEach(({ logprob }, i) => {
        sum.fp32 -= logprob;
        sum.q4 -= b[i]!.logprob;
        sum.positions++;
      });
    }
    const perplexity = { fp32: Math.exp(sum.fp32 / sum.positions), q4: Math.exp(sum.q4 / sum.positions) };
    process.stdout.write(
      `perplexity: float32 ${perplexity.fp32.toFixed(3)}, 4-bit ${perplexity.q4.toFixed(3)}\n`,
    );
    expect(Math.abs(perplexity.q4 / perplexity.fp32 - 1)).toBeLessThan(0.02);
  });
});
