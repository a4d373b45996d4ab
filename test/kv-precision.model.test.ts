/** What float16 keys and values cost against float32 ones, on the golden positions, and that rows stay independent. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Engine } from '../src/engine/engine.ts';
import { loadEngine } from '../src/load-engine.ts';
import { argmax, logSumExp } from '../src/tensor/index.ts';
import { goldenGenerations, goldenPairs } from './goldens.ts';

const model = 'smollm2-135m-instruct';

let exact: Engine;
beforeAll(async () => {
  exact = await loadEngine(model, { precision: 'fp32' });
});
afterAll(() => exact?.[Symbol.asyncDispose]());

describe.each(['fp32', 'q4'] as const)('float16 keys and values over %s weights', (precision) => {
  let full: Engine;
  let half: Engine;
  beforeAll(async () => {
    full = await loadEngine(model, { precision });
    half = await loadEngine(model, { precision, kvPrecision: 'fp16' });
  });
  afterAll(async () => {
    await full?.[Symbol.asyncDispose]();
    await half?.[Symbol.asyncDispose]();
  });

  it('agree with float32 throughout as float32 ones do', async () => {
    const [withFull, withHalf] = [await agreement(exact, full), await agreement(exact, half)];
    const direct = await agreement(full, half);
    const words = ({ same, positions, divergence }: Agreement) =>
      `top-1 ${same} of ${positions}, KL ${divergence.toExponential(2)}`;
    process.stdout.write(
      `${precision} weights: fp16 K/V against fp32 K/V: ${words(direct)}; against float32 throughout: fp32 K/V ${words(withFull)}; fp16 K/V ${words(withHalf)}\n`,
    );
    expect(direct.divergence).toBeGreaterThan(0);
    if (precision === 'fp32') {
      expect(direct.same / direct.positions).toBeGreaterThanOrEqual(0.99);
      expect(direct.divergence).toBeLessThan(1e-4);
    } else {
      // activations are rounded to 8 bits: any difference before that can turn a near-tie over, and K/V in float16 make one;
      // so the distance from float32 is what is held, and the counts are printed
      expect(withHalf.divergence).toBeLessThan(1.25 * withFull.divergence);
    }
  });

  it('give eight ragged rows what they give alone, bit for bit', async () => {
    const text = half.tokenizer.encode(
      'The tide comes in twice a day, and the boats wait for it. '.repeat(30),
    );
    const run = async (length: number) => {
      const { cache, logits } = await half.prefill(text.slice(0, length));
      const events = [];
      const options = { feed: [text[length]!], maxTokens: 12, eosTokenIds: [], logprobs: true };
      for await (const event of half.generate(cache, options)) events.push(event);
      const key = await cache.read({ layer: 29, kind: 'key', position: cache.length - 1 });
      await cache[Symbol.asyncDispose]();
      return { logits, events, key };
    };
    const lengths = [3, 17, 64, 100, 129, 200, 257, 330];
    const alone = [];
    for (const length of lengths) alone.push(await run(length));
    expect(await Promise.all(lengths.map(run))).toEqual(alone);
  });
});

interface Agreement {
  readonly same: number;
  readonly positions: number;
  /** Mean KL(a || b), nats. */
  readonly divergence: number;
}

/** Golden plain outputs, by the positions that gave them, and three golden texts, by all positions. */
const sequences = [
  ...goldenGenerations
    .filter(({ mode }) => mode === 'plain_no_offset_token')
    .map(({ prompt_token_ids, output_token_ids }) => ({
      tokens: [...prompt_token_ids, ...output_token_ids].slice(0, -1),
      from: prompt_token_ids.length - 1,
    })),
  ...goldenPairs.pairs.slice(0, 3).map(({ positive }) => ({ tokens: positive.token_ids, from: 0 })),
];

async function agreement(a: Engine, b: Engine): Promise<Agreement> {
  const { vocabSize } = a.model;
  let same = 0;
  let positions = 0;
  let sum = 0;
  for (const { tokens, from } of sequences) {
    const at = tokens.map((_, i) => i).slice(from);
    const logits = async (engine: Engine) => {
      const prefill = await engine.prefill(tokens, { at });
      await prefill.cache[Symbol.asyncDispose]();
      return prefill.logits;
    };
    const [all, others] = [await logits(a), await logits(b)];
    for (let i = 0; i < at.length; i++) {
      const p = all.subarray(i * vocabSize, (i + 1) * vocabSize);
      const q = others.subarray(i * vocabSize, (i + 1) * vocabSize);
      sum += klDivergence(p, q);
      same += argmax(p) === argmax(q) ? 1 : 0;
      positions++;
    }
  }
  return { same, positions, divergence: sum / positions };
}

/** KL(p || q) in nats, of two rows of logits. */
function klDivergence(p: Float32Array, q: Float32Array): number {
  const [sumP, sumQ] = [logSumExp(p), logSumExp(q)];
  let sum = 0;
  for (let v = 0; v < p.length; v++) sum += Math.exp(p[v]! - sumP) * (p[v]! - sumP - (q[v]! - sumQ));
  return sum;
}
