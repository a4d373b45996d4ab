/**
 * Parity with the published method, on real weights: test/goldens was made with PyTorch and checked against the method's
 * reference code. The onnx engine runs the float32 graph that kvsteer writes from the GGUF.
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Engine } from '../src/engine/engine.ts';
import { loadEngine } from '../src/load-engine.ts';
import { makePair } from '../src/pairs/pair.ts';
import { applyPlan } from '../src/steer/apply-plan.ts';
import type { SteeringPlan } from '../src/steer/plan.ts';
import { generate, steer } from '../src/steer/steer.ts';
import { argmax, cosine, rotateHeads } from '../src/tensor/index.ts';
import { extractVector } from '../src/vectors/extract-vector.ts';
import type { SteeringVector } from '../src/vectors/vector.ts';
import { loadVector } from '../src/vectors/vector-file.ts';
import {
  exactLength,
  type GoldenGeneration,
  goldenGenerations,
  goldenPairs,
  goldenPath,
  goldenTensor,
  NEAR_TIE,
} from './goldens.ts';

const model = 'smollm2-135m-instruct';
const main = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url));
const steered = goldenGenerations.filter(({ mode }) => mode === 'steered');
const plain = goldenGenerations.filter(({ mode }) => mode === 'plain_no_offset_token');

let engine: Engine;
let published: SteeringVector;

beforeAll(async () => {
  engine = await loadEngine(model, { precision: 'fp32' });
  published = await loadVector(goldenPath('vectors.safetensors'), { assume: engine, keyMode: 'post-rope' });
});
afterAll(async () => {
  await engine?.[Symbol.asyncDispose]();
});

describe('tokens', () => {
  it('are the golden ids, with and without the chat template', () => {
    for (const { positive, negative } of goldenPairs.pairs) {
      for (const side of [positive, negative])
        expect(engine.tokenizer.encode(side.text)).toEqual(side.token_ids);
    }
    for (const { question, prompt_text, prompt_token_ids } of goldenGenerations) {
      expect(engine.tokenizer.applyChatTemplate([{ role: 'user', content: question }])).toBe(prompt_text);
      expect(engine.tokenizer.encode(prompt_text)).toEqual(prompt_token_ids);
    }
  });
});

describe('keys and values at the extraction position', () => {
  it.each([0, 1, 2, 3, 4, 5, 6, 7])('of golden pair %i are within 1e-3', async (index) => {
    const { layers, kvHeads, headDim, rope } = engine.model;
    for (const [side, name] of [
      [goldenPairs.pairs[index]!.positive, 'pos'],
      [goldenPairs.pairs[index]!.negative, 'neg'],
    ] as const) {
      const { cache } = await engine.prefill(side.token_ids);
      await using _ = cache;
      const position = side.extract_position;
      for (const kind of ['key', 'value'] as const) {
        const golden = goldenTensor(
          'pair_kv_last_token.safetensors',
          `pair${String(index).padStart(2, '0')}.${name}.${kind}s`,
        );
        for (let layer = 0; layer < layers; layer++) {
          const heads = await cache.read({ layer, kind, position });
          if (kind === 'key') rotateHeads(heads, headDim, position, rope);
          const size = kvHeads * headDim;
          expect(largestDifference(heads, golden.subarray(layer * size, (layer + 1) * size))).toBeLessThan(
            1e-3,
          );
        }
      }
    }
  });
});

describe('mean vectors', () => {
  it('in post-RoPE mode are the golden vectors', async () => {
    const pairs = goldenPairs.pairs.map(({ positive, negative }, i) =>
      makePair(positive.text, negative.text, { tokenizer: engine.tokenizer }, `golden pair ${i}`),
    );
    const vector = await extractVector(engine, pairs, { keyMode: 'post-rope' });
    for (const part of ['keys', 'values'] as const) {
      const golden = goldenTensor('vectors.safetensors', part);
      expect(cosine(vector[part], golden)).toBeGreaterThanOrEqual(0.99999);
      expect(largestDifference(vector[part], golden)).toBeLessThan(1e-3);
    }
  });
});

describe('greedy generations', () => {
  const options = { maxTokens: 64 };

  it.each(steered.map((golden) => ({ golden, ...golden })))(
    'prompt $prompt_index with c_k $c_keys, c_v $c_values, token for token',
    async ({ golden }) => {
      const plan = { vector: published, keys: golden.c_keys!, values: golden.c_values! };
      const result = await steer(engine, golden.prompt_token_ids, plan, { ...options, offset: '\n' });
      expect(result.editedPosition).toBe(golden.edited_cache_position);
      expectSameTokens(result.tokens, golden.output_token_ids, exactLength(golden));
      await expectSameWhenForced(golden, plan);
    },
  );

  it.each(plain.map((golden) => ({ golden, ...golden })))(
    'prompt $prompt_index plain, token for token',
    async ({ golden }) => {
      const result = await generate(engine, golden.prompt_token_ids, options);
      expectSameTokens(result.tokens, golden.output_token_ids, exactLength(golden));
      await expectSameWhenForced(golden, null);
    },
  );

  it.each([steered[1]!, steered[9]!, plain[1]!])(
    'prompt $prompt_index, $mode, through the command line',
    async (golden) => {
      const flags =
        golden.mode === 'steered'
          ? [
              '--vector',
              goldenPath('vectors.safetensors'),
              '--key-mode',
              'post-rope',
              '--values',
              String(golden.c_values),
              '--keys',
              String(golden.c_keys),
            ]
          : [];
      const { stdout } = await promisify(execFile)(process.execPath, [
        '--import',
        'tsx',
        main,
        'run',
        '--model',
        model,
        '--precision',
        'fp32',
        '--max-tokens',
        '64',
        '--json',
        ...flags,
        golden.question,
      ]);
      const result = JSON.parse(stdout);
      expect(result.promptTokens).toBe(golden.prompt_token_ids.length);
      expect(result.editedPosition).toBe(golden.edited_cache_position);
      expectSameTokens(result.tokens, golden.output_token_ids, exactLength(golden));
    },
  );
});

function expectSameTokens(found: readonly number[], golden: readonly number[], exact: number): void {
  expect(found.slice(0, exact)).toEqual(golden.slice(0, exact));
  if (exact === golden.length) expect(found.length).toBe(golden.length);
}

/** Past a near-tie a free run may part from the golden one; fed the golden tokens, it must agree wherever there is none. */
async function expectSameWhenForced(golden: GoldenGeneration, plan: SteeringPlan | null): Promise<void> {
  const prompt = golden.prompt_token_ids;
  const tokens = plan ? [...prompt, golden.first_fed_token_id] : prompt;
  const { cache } = await engine.prefill(tokens.slice(0, -1));
  await using edited = cache;
  if (plan) await applyPlan(edited, plan, engine);
  const fed = [tokens.at(-1)!, ...golden.output_token_ids.slice(0, -1)];
  const forced = await engine.prefill(fed, { prefix: edited, at: fed.map((_, i) => i) });
  await using _ = forced.cache;
  const { vocabSize } = engine.model;
  const clear = golden.output_token_ids
    .map((token, i) => ({ i, token }))
    .filter(({ i }) => golden.top1_minus_top2_margin_per_token[i]! >= NEAR_TIE);
  expect(clear.length).toBeGreaterThan(0);
  const top = clear.map(({ i }) => argmax(forced.logits.subarray(i * vocabSize, (i + 1) * vocabSize)));
  expect(top).toEqual(clear.map(({ token }) => token));
}

function largestDifference(a: Float32Array, b: Float32Array): number {
  expect(a.length).toBe(b.length);
  return a.reduce((most, x, i) => Math.max(most, Math.abs(x - b[i]!)), 0);
}
