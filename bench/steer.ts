/**
 * What steering costs: the edit itself, and steered against plain decoding in one run.
 *
 *   npm run bench:steer [-- --model NAME] [--rounds 15] [--precision q4|fp32] [--json]
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { applyPlan, loadEngine, randomVector, type SteeringPlan } from '../src/index.ts';
import { makeVector, modelIdentity } from '../src/vectors/vector.ts';
import { interleave, medianRatio, summarise } from './measure.ts';

const { values: flags } = parseArgs({
  options: {
    model: { type: 'string', default: 'smollm2-135m-instruct' },
    precision: { type: 'string', default: 'q4' },
    rounds: { type: 'string', default: '15' },
    json: { type: 'boolean', default: false },
  },
});
const rounds = Number(flags.rounds);
const newTokens = 64;

await using engine = await loadEngine(flags.model, { precision: flags.precision === 'fp32' ? 'fp32' : 'q4' });
const { layers, kvHeads, headDim, vocabSize } = engine.model;

// speed does not depend on what a vector holds; small enough to leave the text as fluent as it was
const size = layers * kvHeads * headDim;
const blank = { keys: new Float32Array(size).fill(0.01), values: new Float32Array(size).fill(0.01) };
const vector = randomVector(makeVector({ ...blank, keyMode: 'unrotated', model: modelIdentity(engine) }), 1);
const plan: SteeringPlan = { vector, values: 1, keys: 0.1 };

const prompt = Array.from({ length: 256 }, (_, i) => (i * 37 + 11) % Math.min(vocabSize, 2000));

async function decode(steered: boolean): Promise<number> {
  const { cache } = await engine.prefill(prompt.slice(0, -1));
  await using _ = cache;
  if (steered) await applyPlan(cache, plan, engine);
  let tokens = 0;
  const start = performance.now();
  for await (const event of engine.generate(cache, {
    feed: prompt.slice(-1),
    maxTokens: newTokens,
    eosTokenIds: [],
  })) {
    if (event.type === 'token') tokens++;
  }
  return (performance.now() - start) / tokens;
}

const measured = await interleave({ plain: () => decode(false), steered: () => decode(true) }, rounds);
const prefill = await interleave(
  {
    prefill: async () => {
      const start = performance.now();
      const { cache } = await engine.prefill(prompt);
      const ms = performance.now() - start;
      await cache[Symbol.asyncDispose]();
      return (prompt.length / ms) * 1000;
    },
  },
  rounds,
);

const { cache } = await engine.prefill(prompt);
const edits = { values: [] as number[], both: [] as number[] };
for (let i = 0; i < 200; i++) {
  for (const [name, keys] of [
    ['values', 0],
    ['both', 0.1],
  ] as const) {
    const start = performance.now();
    await applyPlan(cache, { ...plan, keys }, engine);
    if (i >= 20) edits[name].push(performance.now() - start);
  }
}
await cache[Symbol.asyncDispose]();

const result = {
  model: engine.model.name,
  precision: engine.capabilities.precision,
  threads: availableParallelism(),
  prompt: prompt.length,
  newTokens,
  rounds,
  prefillTokensPerSecond: prefill.prefill.median,
  plainMsPerToken: measured.plain.median,
  steeredMsPerToken: measured.steered.median,
  steeredOverPlain: medianRatio(measured.steered, measured.plain),
  decodeSpread: measured.plain.spread,
  editValuesMs: summarise(edits.values).median,
  editKeysAndValuesMs: summarise(edits.both).median,
  residentMegabytes: process.memoryUsage().rss / 2 ** 20,
};
if (flags.json) {
  console.log(JSON.stringify(result));
} else {
  const row = (name: string, value: string) => console.log(`${name.padEnd(44)} ${value}`);
  console.log(`${result.model}, ${result.precision}, ${result.threads} threads, ${rounds} rounds, medians`);
  row('prefill, 256 tokens', `${result.prefillTokensPerSecond.toFixed(0)} tokens/s`);
  row(
    'decode, plain',
    `${result.plainMsPerToken.toFixed(2)} ms/token (spread ${(100 * result.decodeSpread).toFixed(1)} %)`,
  );
  row('decode, steered', `${result.steeredMsPerToken.toFixed(2)} ms/token`);
  row('steered over plain, median of rounds', result.steeredOverPlain.toFixed(4));
  row(`edit of ${layers - 1} layers, values`, `${result.editValuesMs.toFixed(3)} ms, once`);
  row(`edit of ${layers - 1} layers, keys and values`, `${result.editKeysAndValuesMs.toFixed(3)} ms, once`);
  row('resident memory after the run', `${result.residentMegabytes.toFixed(0)} MiB`);
}
