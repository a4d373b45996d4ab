/**
 * Whether memory, handles or listeners grow: many short generations on one engine, then many loads and unloads, on a
 * made-up model of a few thousand weights. Exit code 1 where something grows.
 *
 *   npm run test:leak [-- --generations 10000] [--loads 200] [--runtime native|plain] [--json]
 *
 * Criterion: the least-squares slope of each measure over the last two thirds of its samples, each taken after a full
 * garbage collection, stays below the limits here.
 */
import { getEventListeners } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { openMiniature, writeMiniature } from '../src/engine/onnx/native/miniature-engine.ts';
import { loadNativeApi } from '../src/engine/onnx/native/native-session.ts';
import type { OnnxEngine } from '../src/engine/onnx/onnx-engine.ts';

/**
 * KB a generation and KB a load. A lost session costs 790 KB a load, a lost row of K/V 256 KB a generation. malloc's arenas and
 * thread stacks settle meanwhile, which moves 200 loads by up to 30 KB each, 800 by 5.
 */
const limits = {
  generation: { resident: 0.2, arrayBuffers: 0.02, heap: 0.1 },
  load: { resident: 60, arrayBuffers: 1, heap: 2 },
};

const { values: flags } = parseArgs({
  options: {
    generations: { type: 'string', default: '10000' },
    loads: { type: 'string', default: '200' },
    runtime: { type: 'string', default: 'native' },
    json: { type: 'boolean', default: false },
  },
});
const runtime = flags.runtime === 'plain' ? 'plain' : 'native';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

type Sample = Record<keyof typeof limits.load, number>;

async function sample(): Promise<Sample> {
  // buffers are given back by finalizers, which run after the collection that found them
  for (let i = 0; i < 3; i++) {
    collectGarbage();
    await new Promise((resolve) => setImmediate(resolve));
  }
  const { rss, arrayBuffers, heapUsed } = process.memoryUsage();
  return { resident: rss / 1024, arrayBuffers: arrayBuffers / 1024, heap: heapUsed / 1024 };
}

/** Runs `work` `count` times; the slopes in KB a time. */
async function slopes(count: number, work: (i: number) => Promise<void>): Promise<Sample> {
  const every = Math.max(1, Math.floor(count / 40));
  const at: number[] = [];
  const samples: Sample[] = [];
  for (let i = 1; i <= count; i++) {
    await work(i);
    if (i % every !== 0 || i < count / 3) continue;
    at.push(i);
    samples.push(await sample());
  }
  const slopeOf = (measure: keyof Sample) =>
    slope(
      at,
      samples.map((one) => one[measure]),
    );
  return { resident: slopeOf('resident'), arrayBuffers: slopeOf('arrayBuffers'), heap: slopeOf('heap') };
}

function slope(x: readonly number[], y: readonly number[]): number {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [mx, my] = [mean(x), mean(y)];
  const covariance = x.reduce((sum, value, i) => sum + (value - mx) * (y[i]! - my), 0);
  return covariance / x.reduce((sum, value) => sum + (value - mx) ** 2, 0);
}

const tokens = (i: number) => Array.from({ length: 5 + (i % 30) }, (_, t) => (t * 31 + i) % 320);
const lasting = new AbortController();

/** Whole answers, answers that are left early, aborted prompts and answers, forks and residual taps, in turn. */
async function generation(engine: OnnxEngine, i: number): Promise<void> {
  const taps = i % 5 === 0;
  const { cache } = await engine.prefill(tokens(i), { signal: lasting.signal, hidden: taps });
  await using _ = cache;
  await using fork = await cache.fork();
  const passing = new AbortController();
  const signal = i % 3 === 0 ? passing.signal : lasting.signal;
  try {
    let given = 0;
    for await (const event of engine.generate(fork, { feed: [1, 2], maxTokens: 8, signal })) {
      if (event.type !== 'token') continue;
      given++;
      if (i % 3 === 0 && given === 3) passing.abort();
      if (i % 4 === 0 && given === 5) break;
    }
  } catch (error) {
    if (!passing.signal.aborted) throw error;
  }
}

const folder = await mkdtemp(join(tmpdir(), 'kvsteer-leak-'));
try {
  const miniature = await writeMiniature(join(folder, 'graph'));
  const { alive } = loadNativeApi();
  const generations = Math.ceil(Number(flags.generations) / 3);
  const loads = Number(flags.loads);

  const engine = await openMiniature(miniature, runtime);
  const perGeneration = await slopes(generations, async (i) => {
    // three at a time, so that rows move and the pool grows and shrinks
    await Promise.all([generation(engine, i), generation(engine, i + 7), generation(engine, i + 13)]);
  });
  const rowsLeft = engine.rowsInUse;
  await engine[Symbol.asyncDispose]();
  const perLoad = await slopes(loads, async (i) => {
    await using one = await openMiniature(miniature, runtime, { threads: 1 + (i % 2) });
    await generation(one, i);
  });

  const result = {
    runtime,
    generations: 3 * generations,
    loads,
    // three generations a time
    perGeneration: Object.fromEntries(
      Object.entries(perGeneration).map(([name, kb]) => [name, kb / 3]),
    ) as Sample,
    perLoad,
    rowsLeft,
    sessionsLeft: alive.sessions,
    tensorsLeft: alive.tensors,
    listenersLeft: getEventListeners(lasting.signal, 'abort').length,
  };
  const grown = [
    ...over('generation', result.perGeneration),
    ...over('load', result.perLoad),
    ...(['rowsLeft', 'sessionsLeft', 'tensorsLeft', 'listenersLeft'] as const).filter(
      (name) => result[name] !== 0,
    ),
  ];
  if (flags.json) console.log(JSON.stringify({ ...result, grown }));
  else {
    const row = (name: string, value: string) => console.log(`${name.padEnd(32)} ${value}`);
    row('runtime', `${runtime}, ${result.generations} generations, ${loads} loads`);
    for (const [what, found] of [
      ['generation', result.perGeneration],
      ['load', result.perLoad],
    ] as const) {
      for (const [name, kb] of Object.entries(found)) {
        row(`${name}, KB a ${what}`, `${kb.toFixed(4)} (limit ${limits[what][name as keyof Sample]})`);
      }
    }
    row('left: rows, sessions, tensors', `${rowsLeft}, ${alive.sessions}, ${alive.tensors}`);
    row('left: listeners', String(result.listenersLeft));
    console.log(grown.length === 0 ? 'nothing grows' : `grows: ${grown.join(', ')}`);
  }
  process.exitCode = grown.length === 0 ? 0 : 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}

function over(what: keyof typeof limits, found: Sample): string[] {
  return (Object.keys(found) as (keyof Sample)[])
    .filter((name) => found[name] > limits[what][name])
    .map((name) => `${name} a ${what}`);
}
