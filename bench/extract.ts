/**
 * What extraction costs over the engine's own prefill of the same prompts, and whether memory grows with the pairs.
 *
 *   npm run bench:extract [-- --model NAME] [--precision q4|fp32] [--pairs 6] [--rounds 3] [--parts speed,memory] [--json]
 *
 * Speed: each round reads the same prompts three ways, in rotating order: one prefill after the other (each prompt alone, as
 * the engine's own rate is quoted), as many prefills at once as an extraction keeps (their common beginnings are read once),
 * and `extractVector`. Memory: processes of their own extract 100 and 1,000 streamed pairs with the bundled model; the
 * largest resident size of each.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type ContrastivePair, extractVector, loadEngine, makePair, readPairsFile } from '../src/index.ts';
import { interleave } from './measure.ts';
import { atLeast, atMost, type Result, ratio, result, table } from './results.ts';

const { values: flags } = parseArgs({
  options: {
    model: { type: 'string', default: 'smollm2-135m-instruct' },
    precision: { type: 'string', default: 'q4' },
    pairs: { type: 'string', default: '6' },
    rounds: { type: 'string', default: '3' },
    parts: { type: 'string', default: 'speed,memory' },
    json: { type: 'boolean', default: false },
    'memory-child': { type: 'string' },
  },
});
const models = fileURLToPath(new URL('../models/', import.meta.url));
/** Pairs that an extraction keeps in the engine, and so prompts. */
const AT_ONCE = 8;

if (flags['memory-child'] !== undefined) {
  console.log(JSON.stringify(await memoryOf(Number(flags['memory-child']))));
} else {
  const parts = flags.parts.split(',');
  const results = [
    ...(parts.includes('speed') ? await speed() : []),
    ...(parts.includes('memory') ? memory() : []),
  ];
  console.log(flags.json ? JSON.stringify(results, null, 2) : table(results));
}

async function speed(): Promise<Result[]> {
  await using engine = await loadEngine(flags.model, {
    precision: flags.precision === 'fp32' ? 'fp32' : 'q4',
  });
  const all = await readPairsFile(`${models}pairs/steps.jsonl`, { tokenizer: engine.tokenizer });
  const pairs = all.slice(0, Number(flags.pairs));
  const prompts = pairs
    .flatMap(({ positive, negative }) => [positive, negative])
    .map(({ tokens, position }) => tokens.slice(0, position + 1));
  const tokens = prompts.reduce((sum, prompt) => sum + prompt.length, 0);
  const rate = async (work: () => Promise<unknown>) => {
    const start = performance.now();
    await work();
    return (tokens / (performance.now() - start)) * 1000;
  };
  const prefill = async (prompt: readonly number[]) => {
    const { cache } = await engine.prefill(prompt);
    await cache[Symbol.asyncDispose]();
  };
  const measured = await interleave(
    {
      alone: () =>
        rate(async () => {
          for (const prompt of prompts) await prefill(prompt);
        }),
      together: () =>
        rate(async () => {
          const left = [...prompts];
          const lane = async () => {
            for (let prompt = left.shift(); prompt; prompt = left.shift()) await prefill(prompt);
          };
          await Promise.all(Array.from({ length: AT_ONCE }, lane));
        }),
      extraction: () => rate(() => extractVector(engine, pairs)),
    },
    Number(flags.rounds),
  );
  const context = Math.round(tokens / prompts.length);
  const row = (metric: string, figure: Parameters<typeof result>[4], rows: number | null = null) =>
    result(engine.model.name, metric, context, rows, figure);
  return [
    row('prefill, prompt by prompt, tokens/s', measured.alone, 1),
    row('prefill, prompts at once, tokens/s', measured.together, AT_ONCE),
    row('extraction, tokens/s', measured.extraction, AT_ONCE),
    atLeast(
      row('extraction over prefill, prompt by prompt', ratio(measured.extraction, measured.alone)),
      0.9,
    ),
    atLeast(
      row('extraction over prefill, prompts at once', ratio(measured.extraction, measured.together)),
      0.9,
    ),
  ];
}

/** MiB */
interface Memory {
  /** Of the whole process. */
  readonly peak: number;
  readonly extracting: number;
}

function memory(): Result[] {
  const child = (count: number): Memory => {
    const self = fileURLToPath(import.meta.url);
    const args = ['--import', 'tsx', self, '--memory-child', `${count}`];
    return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' }));
  };
  const [few, many] = [child(100), child(1000)];
  const row = (metric: string, median: number) => result('tiny', metric, null, null, { median, spread: 0 });
  return [
    row('peak memory, 100 pairs, MiB', few.peak),
    row('peak memory, 1,000 pairs, MiB', many.peak),
    atMost(row('peak, 1,000 pairs over 100', many.peak / few.peak), 1.1),
    row('while extracting, 100 pairs, MiB', few.extracting),
    row('while extracting, 1,000 pairs, MiB', many.extracting),
    atMost(row('while extracting, 1,000 pairs over 100', many.extracting / few.extracting), 1.1),
  ];
}

/** The process's peak is that of loading the model; so what is held while pairs go by is sampled as well. */
async function memoryOf(count: number): Promise<Memory> {
  await using engine = await loadEngine('tiny');
  let extracting = 0;
  await extractVector(engine, streamed(count, engine.tokenizer), {
    onProgress: () => {
      extracting = Math.max(extracting, process.memoryUsage.rss() / 2 ** 20);
    },
  });
  return { peak: process.resourceUsage().maxRSS / 1024, extracting };
}

/** Pairs of the bundled model's problems, each made when it is asked for. */
async function* streamed(
  count: number,
  tokenizer: Parameters<typeof makePair>[2]['tokenizer'],
): AsyncGenerator<ContrastivePair> {
  const items = readFileSync(`${models}tiny/problems/pairs-items.jsonl`, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { question: string; styles: Record<string, string> });
  for (let i = 0; i < count; i++) {
    const item = (by: number) => items[(i + by + Math.floor(i / items.length) * (by + 1)) % items.length]!;
    const side = (style: string) => [
      ...[1, 2].flatMap((by) => [
        { role: 'user', content: item(by).question },
        { role: 'assistant', content: item(by).styles[style]! },
      ]),
      { role: 'user', content: item(0).question },
    ];
    yield makePair(side('stepwise'), side('direct'), { tokenizer });
  }
}
