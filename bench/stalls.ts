/**
 * How long the event loop is held up while the engine works: the largest gaps between ticks of a 1 ms timer.
 *
 *   npx tsx bench/stalls.ts [--model NAME] [--rows 8] [--json]
 *
 * A gap also grows while the system runs other threads on this thread's core. `own` (Linux) is the part of a gap in which this
 * thread itself ran: what the engine's JavaScript and its calls cost. `idle` is beside no work at all.
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { loadEngine } from '../src/index.ts';

const { values: flags } = parseArgs({
  options: {
    model: { type: 'string', default: 'smollm2-135m-instruct' },
    rows: { type: 'string', default: '8' },
    json: { type: 'boolean', default: false },
  },
});

interface Gaps {
  readonly ticks: number;
  /** ms */
  readonly p99: number;
  readonly largest: number;
  /** NaN where the system does not tell. */
  readonly own: number;
}

/** ms that the main thread has run; the process's id is that thread's id. */
function threadTime(): number {
  try {
    return Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ')[0]) / 1e6;
  } catch {
    return Number.NaN;
  }
}

async function gapsDuring(work: () => Promise<unknown>): Promise<Gaps> {
  const gaps: number[] = [];
  let own = 0;
  let last = { wall: performance.now(), thread: threadTime() };
  const tick = () => {
    const now = { wall: performance.now(), thread: threadTime() };
    gaps.push(now.wall - last.wall);
    own = Math.max(own, now.thread - last.thread);
    last = now;
  };
  const timer = setInterval(tick, 1);
  await work();
  // what held up the end of the work counts as well
  tick();
  clearInterval(timer);
  gaps.sort((a, b) => a - b);
  return { ticks: gaps.length, p99: gaps[Math.floor(gaps.length * 0.99)]!, largest: gaps.at(-1)!, own };
}

await using engine = await loadEngine(flags.model);
const prompt = (length: number, seed: number) =>
  Array.from({ length }, (_, i) => (i * 37 + seed * 101) % Math.min(engine.model.vocabSize, 2_000));

async function answer(length: number, seed: number, maxTokens: number): Promise<void> {
  const { cache } = await engine.prefill(prompt(length, seed));
  await using _ = cache;
  const options = { feed: [1], maxTokens, eosTokenIds: [], temperature: 0.7, topP: 0.9, seed };
  for await (const _ of engine.generate(cache, options));
}

const rows = Number(flags.rows);
const cases: Record<string, () => Promise<unknown>> = {
  idle: () => new Promise((resolve) => setTimeout(resolve, 2_000)),
  'prefill, 1,024 tokens': () => answer(1_024, 1, 1),
  'decode, 1 row': () => answer(64, 2, 100),
  [`decode, ${rows} rows joining one by one`]: () =>
    Promise.all(Array.from({ length: rows }, (_, i) => answer(64 + 40 * i, 3 + i, 60))),
  'decode past the end of the capacity': () => answer(250, 20, 20),
  fork: async () => {
    const { cache } = await engine.prefill(prompt(1_024, 30));
    await using _ = cache;
    await using _fork = await cache.fork();
  },
};
const result: Record<string, Gaps> = {};
for (const [name, work] of Object.entries(cases)) {
  await work();
  result[name] = await gapsDuring(work);
}
if (flags.json) console.log(JSON.stringify(result));
else {
  const row = (name: string, ...cells: (string | number)[]) =>
    console.log(
      name.padEnd(40) +
        cells.map((cell) => (typeof cell === 'number' ? cell.toFixed(1) : cell).padStart(9)).join(''),
    );
  row('gap between ticks, ms', 'ticks', 'p99', 'largest', 'own');
  for (const [name, { ticks, p99, largest, own }] of Object.entries(result)) {
    row(name, String(ticks), p99, largest, own);
  }
}
