/**
 * What a sweep saves: 16 settings over 64 prompts in one run, where a prompt is prefilled once and forked, beside 16 runs of
 * one setting each, in the same process and in turn. Both decode up to 64 answers at once; answers must be equal. What can be
 * saved is 15 of 16 prefills, so the share of the prefill in a separate run is the bound, and it is printed.
 *
 * Then, with --queue: the same sweep by one worker process and by two (needs redis-server).
 *
 *   npm run bench:sweep [-- --model tiny] [--tokens 8,32,128] [--rounds 3] [--queue] [--json]
 */
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { Condition } from '../src/evaluate/condition.ts';
import { loadEngine, loadQuestions, randomVector, runSweep } from '../src/index.ts';
import { noRedis, TestRedis } from '../src/sweep/queue/redis.test-support.ts';
import { makeVector, modelIdentity } from '../src/vectors/vector.ts';
import { interleave, medianRatio } from './measure.ts';

const { values: flags } = parseArgs({
  options: {
    model: { type: 'string', default: 'smollm2-135m-instruct' },
    tokens: { type: 'string', default: '8,32,128' },
    rounds: { type: 'string', default: '3' },
    settings: { type: 'string', default: '16' },
    prompts: { type: 'string', default: '64' },
    queue: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});
const [settings, rounds] = [Number(flags.settings), Number(flags.rounds)];
const isTiny = flags.model === 'tiny';
await using engine = await loadEngine(flags.model, { precision: isTiny ? 'fp32' : 'q4' });
const problems = fileURLToPath(new URL('../models/tiny/problems/heldout.jsonl', import.meta.url));
const { questions, name } = await loadQuestions(isTiny ? problems : 'gsm8k-slice:train', {
  limit: Number(flags.prompts),
});

// Speed does not depend on what a vector holds; these are small enough to leave a text fluent.
const { layers, kvHeads, headDim } = engine.model;
const small = new Float32Array(layers * kvHeads * headDim).fill(0.01);
const template = makeVector({
  keys: small,
  values: small,
  keyMode: 'unrotated',
  model: modelIdentity(engine),
});
const conditions: Record<string, Condition> = {};
for (let i = 0; i < settings; i++) {
  conditions[`setting ${i}`] = { plan: { vector: randomVector(template, i + 1), values: 1, keys: 0.1 } };
}

const figures: Record<string, unknown>[] = [];
const say = (text: string) => {
  if (!flags.json) console.log(text);
};
say(
  `${engine.model.name}, ${engine.capabilities.precision}, ${availableParallelism()} threads: ${settings} settings on ${questions.length} prompts of ${name}, medians of ${rounds} rounds`,
);

for (const maxTokens of flags.tokens.split(',').map(Number)) {
  const texts: Record<'together' | 'apart', string[]> = { together: [], apart: [] };
  const timed = async (run: () => Promise<void>) => {
    const start = performance.now();
    await run();
    return (performance.now() - start) / 1000;
  };
  let promptTokens = 0;
  const together = () =>
    timed(async () => {
      const { answers } = await runSweep(engine, questions, conditions, { maxTokens });
      texts.together = answers.map(({ question, condition, text }) => `${question} ${condition} ${text}`);
      promptTokens = answers.reduce((sum, answer) => sum + answer.promptTokens, 0) / answers.length;
    });
  const apart = () =>
    timed(async () => {
      texts.apart = [];
      for (const [setting, condition] of Object.entries(conditions)) {
        const { answers } = await runSweep(engine, questions, { [setting]: condition }, { maxTokens });
        texts.apart.push(...answers.map(({ question, text }) => `${question} ${setting} ${text}`));
      }
    });
  // A run of which only the prompts are left: one token each.
  const prefill = () =>
    timed(async () => {
      await runSweep(engine, questions, { first: Object.values(conditions)[0]! }, { maxTokens: 1 });
    });
  const measured = await interleave({ together, apart, prefill }, rounds, 0);
  const same = texts.together.sort().join('\0') === texts.apart.sort().join('\0');
  const ratio = medianRatio(measured.together, measured.apart);
  const share = (settings * measured.prefill.median) / measured.apart.median;
  const figure = {
    maxTokens,
    promptTokens: Math.round(promptTokens),
    together: measured.together.median,
    apart: measured.apart.median,
    ratio,
    prefillShare: share,
    sameAnswers: same,
  };
  figures.push(figure);
  say(
    `${String(maxTokens).padStart(4)} new tokens, prompts of ${figure.promptTokens}: together ${figure.together.toFixed(1)} s, apart ${figure.apart.toFixed(1)} s, ratio ${ratio.toFixed(3)}${ratio <= 0.6 ? ' (<= 0.6)' : ''}; prefill is ${(100 * share).toFixed(0)} % of apart; answers ${same ? 'equal' : 'DIFFER'}`,
  );
}

if (flags.queue) {
  if (noRedis !== null) say(`queue: not measured, ${noRedis}`);
  else figures.push(...(await measureQueue()));
}
if (flags.json) console.log(JSON.stringify({ model: engine.model.name, settings, figures }));

/** Seconds of the same sweep by one worker and by two, of one thread each, and in this process with one thread. */
async function measureQueue(): Promise<Record<string, unknown>[]> {
  const file = fileURLToPath(new URL('../src/sweep/queue/chaos-worker.test-support.ts', import.meta.url));
  const measured: Record<string, unknown>[] = [];
  for (const workers of [1, 2]) {
    await using redis = await TestRedis.start();
    const children = Array.from({ length: workers }, () =>
      spawn(process.execPath, ['--import', 'tsx', file, redis.url, '30000', flags.model], {
        stdio: 'ignore',
      }),
    );
    try {
      const options = { maxTokens: 64, queue: redis.url };
      // Until all are awake.
      await runSweep(engine, questions.slice(0, 8), conditions, {
        ...options,
        maxTokens: 2,
        answersPerJob: 16,
      });
      await new Promise((resolve) => setTimeout(resolve, 3000));
      const start = performance.now();
      const { answers } = await runSweep(engine, questions, conditions, options);
      const seconds = (performance.now() - start) / 1000;
      measured.push({ workers, seconds, answersPerSecond: answers.length / seconds });
      say(
        `queue, ${workers} worker${workers === 1 ? '' : 's'} of one thread: ${answers.length} answers in ${seconds.toFixed(1)} s, ${(answers.length / seconds).toFixed(1)} answers/s`,
      );
    } finally {
      for (const child of children) child.kill('SIGKILL');
    }
  }
  return measured;
}
