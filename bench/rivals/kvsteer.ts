/** kvsteer through its public API, and what only it can do: steering, exactness, the sweep. */
import {
  applyPlan,
  type Engine,
  type KvCache,
  loadEngine,
  randomVector,
  type SteeringPlan,
} from '../../src/index.ts';
import { makeVector, modelIdentity } from '../../src/vectors/vector.ts';
import { exactness } from './kvsteer-exactness.ts';
import { modelName } from './model-folders.ts';
import { argmax, serve, type Timed } from './protocol.ts';

const threads = Number(process.env.BENCH_THREADS);

/** How the rows of a batch are steered: not, all with one vector, or each with its own. */
export type Steering = 'plain' | 'one' | 'distinct';

export interface SweepRequest {
  readonly prompt: readonly number[];
  readonly settings: number;
  readonly newTokens: number;
  /** One prefill, forked for each setting, all settings as rows; else each setting runs from its own prefill. */
  readonly together: boolean;
}

await serve(async () => {
  const engine = await loadEngine(modelName, { precision: 'q4', threads });

  async function decode(caches: readonly KvCache[], first: readonly number[], newTokens: number) {
    const tokens = first.map((token) => [token]);
    const start = performance.now();
    await Promise.all(
      caches.map(async (cache, b) => {
        const options = { feed: [first[b]!], maxTokens: newTokens, eosTokenIds: [] };
        for await (const event of engine.generate(cache, options)) {
          if (event.type === 'token') tokens[b]!.push(event.token);
        }
      }),
    );
    return { tokens, ms: performance.now() - start };
  }

  async function run(
    prompts: readonly (readonly number[])[],
    newTokens: number,
    steer: (cache: KvCache, row: number) => Promise<unknown>,
  ): Promise<Timed> {
    const caches: KvCache[] = [];
    const first: number[] = [];
    const start = performance.now();
    for (const prompt of prompts) {
      const { cache, logits } = await engine.prefill(prompt);
      caches.push(cache);
      first.push(argmax(logits));
    }
    const prefillMs = performance.now() - start;
    for (const [row, cache] of caches.entries()) await steer(cache, row);
    const { tokens, ms } = await decode(caches, first, newTokens);
    for (const cache of caches) await cache[Symbol.asyncDispose]();
    return { prefillMs, decodeMs: ms, tokens };
  }

  const plans = randomPlans(engine, 16);

  return {
    about: `kvsteer, q4, KVSTEER_ORT=${process.env.KVSTEER_ORT}`,
    measure: (prompts, newTokens) => run(prompts, newTokens, async () => {}),
    more: {
      steered: (argument: { prompts: number[][]; newTokens: number; steering: Steering }) =>
        run(argument.prompts, argument.newTokens, async (cache, row) => {
          if (argument.steering === 'plain') return;
          await applyPlan(cache, plans[argument.steering === 'one' ? 0 : row]!, engine);
        }),

      /** Milliseconds of single edits of layers 1 .. L-1, as applyPlan makes them. */
      edit: async ({ prompt, keys, times }: { prompt: number[]; keys: boolean; times: number }) => {
        const { cache } = await engine.prefill(prompt);
        const plan = { ...plans[0]!, keys: keys ? 0.1 : 0 };
        const samples: number[] = [];
        for (let i = -20; i < times; i++) {
          const start = performance.now();
          await applyPlan(cache, plan, engine);
          if (i >= 0) samples.push(performance.now() - start);
        }
        await cache[Symbol.asyncDispose]();
        return samples;
      },

      sweep: async ({ prompt, settings, newTokens, together }: SweepRequest): Promise<number> => {
        const start = performance.now();
        if (!together) {
          for (let i = 0; i < settings; i++) {
            const { cache } = await engine.prefill(prompt.slice(0, -1));
            await applyPlan(cache, plans[i]!, engine);
            await decode([cache], prompt.slice(-1), newTokens);
            await cache[Symbol.asyncDispose]();
          }
          return performance.now() - start;
        }
        const { cache: base } = await engine.prefill(prompt.slice(0, -1));
        const caches = [base];
        while (caches.length < settings) caches.push(await base.fork());
        for (const [i, cache] of caches.entries()) await applyPlan(cache, plans[i]!, engine);
        await decode(
          caches,
          caches.map(() => prompt.at(-1)!),
          newTokens,
        );
        for (const cache of caches) await cache[Symbol.asyncDispose]();
        return performance.now() - start;
      },

      exactness: (argument: { prompts: number[][]; newTokens: number }) =>
        exactness(engine, argument.prompts, argument.newTokens),
    },
  };
});

/** Speed does not depend on what a vector holds; these are small enough to leave a text fluent. */
function randomPlans(engine: Engine, count: number): SteeringPlan[] {
  const { layers, kvHeads, headDim } = engine.model;
  const size = layers * kvHeads * headDim;
  const blank = { keys: new Float32Array(size).fill(0.01), values: new Float32Array(size).fill(0.01) };
  const template = makeVector({ ...blank, keyMode: 'unrotated', model: modelIdentity(engine) });
  return Array.from({ length: count }, (_, seed) => ({
    vector: randomVector(template, seed + 1),
    values: 1,
    keys: 0.1,
  }));
}
