/**
 * kvsteer's onnx engine beside its rivals, in one run: SmolLM2-135M, two threads, greedy, the same prompts and the same
 * number of new tokens. See bench/README.md.
 *
 *   npm run bench:engine [-- --quick] [--only kvsteer,node-llama-cpp] [--parts speed,steering,sweep]
 *                        [--rounds 5] [--threads 2] [--json]
 */
import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { readBandwidth } from './bandwidth.ts';
import { summarise } from './measure.ts';
import { planOf, question } from './plan.ts';
import { type Result, result, table } from './results.ts';
import { Child } from './rivals/child.ts';
import { contenders, isSetUp } from './rivals/contenders.ts';
import { modelName } from './rivals/model-folders.ts';
import type { Timed } from './rivals/protocol.ts';
import { writtenGraph } from './rivals/written-graph.ts';
import { measureSpeed, memoryLimit } from './speed.ts';
import { measureExactness, measureSteering, measureSweep } from './steering.ts';

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    only: { type: 'string' },
    parts: { type: 'string', default: 'speed,steering,sweep' },
    rounds: { type: 'string' },
    threads: { type: 'string', default: '2' },
  },
});
const say = (message: string) => process.stderr.write(`${message}\n`);
const threads = Number(flags.threads);
const parts = new Set(flags.parts.split(','));
const plan = planOf(flags.quick, Number(flags.rounds ?? (flags.quick ? 2 : 5)));
const names = contenders.map(({ name }) => name);
const only = flags.only?.split(',') ?? names;
const unknown = [
  ...only.filter((name) => !names.includes(name)),
  ...[...parts].filter((part) => !['speed', 'steering', 'sweep'].includes(part)),
];
if (unknown.length > 0) {
  say(`Unknown: ${unknown.join(', ')}. Engines: ${names.join(', ')}. Parts: speed, steering, sweep.`);
  process.exit(2);
}

const startedAt = performance.now();
const load = loadavg()[0]!;
say(`load before the start: ${load.toFixed(2)}${load > 0.5 ? '; the machine is busy: not for quoting' : ''}`);
const graph = await writtenGraph(modelName);
const results: Result[] = [];
const missing = (engine: string, metric: string): Result => ({
  engine,
  metric,
  context: null,
  rows: null,
  median: null,
  spread: null,
});

const bandwidth = summarise((await readBandwidth(threads, 12)).slice(2));
const limit = memoryLimit(graph.manifest, bandwidth.median);
results.push(
  result('machine', 'load before the start', null, null, { median: load, spread: 0 }),
  result('machine', 'memory read, GB/s', null, threads, { ...bandwidth, median: bandwidth.median / 1e9 }),
  result('kvsteer', 'weights read a token, MB', null, 1, { median: limit.weightBytes / 1e6, spread: 0 }),
);

const children = new Map<string, Child>();
const drop = async (name: string, error: unknown) => {
  say(`${name} failed: ${error instanceof Error ? error.message : String(error)}`);
  results.push(missing(name, 'failed'));
  const child = children.get(name);
  children.delete(name);
  await child?.end();
};

try {
  const longest = Math.max(...plan.speed.map(({ context, newTokens }) => context + newTokens + 1));
  const starting: [string, Promise<Child>][] = [];
  for (const contender of contenders.filter(({ name }) => only.includes(name))) {
    const { name, command, env } = contender;
    if (!(await isSetUp(contender))) {
      say(`${name} is not set up: run npm run bench:setup`);
      results.push(missing(name, 'not set up'));
      continue;
    }
    const child = Child.start(command, {
      ...env,
      BENCH_THREADS: String(threads),
      BENCH_CONTEXT: String(longest),
      BENCH_GRAPH: graph.folder,
    });
    starting.push([name, child]);
  }
  // loading is not measured, so all load at once; measuring begins when the last is open
  const opened = await Promise.allSettled(starting.map(([, child]) => child));
  for (const [i, [name]] of starting.entries()) {
    const child = opened[i]!;
    if (child.status === 'fulfilled') children.set(name, child.value);
    else await drop(name, child.reason);
  }
  for (const [name, child] of children) {
    try {
      // warms up, and shows that it is the same model
      const { prompt, answer } = question;
      const newTokens = answer.length - 1;
      const { tokens } = await child.ask<Timed>({ do: 'measure', prompts: [prompt], newTokens });
      const agreed = answer.filter((token, i) => tokens[0]![i] === token).length;
      say(`${name}: ${child.about}; ${agreed} of ${answer.length} tokens of a known answer`);
    } catch (error) {
      await drop(name, error);
    }
  }
  if (parts.has('speed')) {
    const peaks = async (context: number, rows: number) => {
      for (const [name, child] of children) {
        const bytes = await child.ask<number>({ do: 'peak' });
        results.push(result(name, 'peak memory, MiB', context, rows, { median: bytes / 2 ** 20, spread: 0 }));
      }
    };
    const upTo256 = plan.speed.filter(({ context, prompts }) => context <= 256 && prompts.length === 1);
    const rest = plan.speed.filter((speedCase) => !upTo256.includes(speedCase));
    results.push(...(await measureSpeed(children, upTo256, limit.ms, drop, say)));
    await peaks(256, 1);
    results.push(...(await measureSpeed(children, rest, limit.ms, drop, say)));
    await peaks(
      Math.max(...plan.speed.map(({ context }) => context)),
      Math.max(...plan.speed.map(({ prompts }) => prompts.length)),
    );
  }
  const kvsteer = children.get('kvsteer');
  if (kvsteer && parts.has('steering')) {
    say('exactness and steering');
    results.push(...(await measureExactness(kvsteer, children.get('kvsteer-plain'))));
    results.push(...(await measureSteering(kvsteer, plan)));
  }
  if (kvsteer && parts.has('sweep')) results.push(...(await measureSweep(kvsteer, plan, say)));
} finally {
  await Promise.all([...children.values()].map((child) => child.end()));
}

say(`took ${((performance.now() - startedAt) / 1000).toFixed(0)} s`);
console.log(flags.json ? JSON.stringify(results) : table(results));
