/** On the bundled model. */
import { appendFile, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadQuestions } from '../data/load-questions.ts';
import type { Question } from '../data/question.ts';
import type { Engine, PrefillOptions } from '../engine/engine.ts';
import { InvalidArgumentError } from '../errors.ts';
import { loadEngine } from '../load-engine.ts';
import { steer } from '../steer/steer.ts';
import type { SteeringVector } from '../vectors/vector.ts';
import { loadVector } from '../vectors/vector-file.ts';
import type { Condition } from './condition.ts';
import { evaluate } from './evaluate.ts';
import type { AnswerRecord } from './run.ts';
import { readRun } from './run-folder.ts';
import { choose, tune } from './tune.ts';

let engine: Engine;
let vector: SteeringVector;
let folder: string;
beforeAll(async () => {
  const { questions } = await loadQuestions('models/tiny/problems/heldout.jsonl');
  problems = questions.toSorted((a, b) => a.question.length - b.question.length).slice(0, 3);
  problems[2] = { ...problems[2]!, answer: '-1' };
  [engine, vector, folder] = await Promise.all([
    loadEngine('tiny', { precision: 'fp32' }),
    loadVector('models/tiny/vectors/stepwise.safetensors'),
    mkdtemp(join(tmpdir(), 'kvsteer-evaluate-')),
  ]);
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const question = (
  id: string,
  text: string,
  answer: string | null,
  choices: readonly string[] | null = null,
): Question => ({
  id,
  question: text,
  choices,
  answer,
  rationale: null,
  source: null,
  licence: null,
});
/** The three shortest held-out problems; no one can be right on the last. */
let problems: Question[];
const suffix = " Let's think step by step.";
const examples = [
  'Ann has 2 pens and buys 3 more. How many pens?',
  'Bo has 9 eggs and eats 4. How many eggs?',
].map((text) => ({
  question: text,
  answer: 'Step 1: 1 + 1 = 2. The answer is 2. That is all that there is to say about it.',
}));
const zero = () => ({
  hidden: new Float32Array(engine.model.layers * engine.model.hidden),
  layers: engine.model.layers,
  pairs: 1,
});
const untimed = (answers: readonly AnswerRecord[]) => answers.map(({ ms: _, ...rest }) => rest);

describe('evaluate', () => {
  it('gives each condition the answers that it has alone', async () => {
    const still = { vector: zero(), layer: 2, strength: 1 };
    const conditions: Record<string, Condition> = {
      plain: { offset: null },
      cot: { suffix },
      steered: { plan: { vector } },
      every: { activation: { ...still, tokens: 'every' } },
      last: { activation: { ...still, tokens: 'last' } },
    };
    const { answers, summary, config } = await evaluate(engine, problems, conditions, { maxTokens: 64 });
    const alone = (ask: string, plan: { vector: SteeringVector } | null, offset: string | null) =>
      Promise.all(problems.map((one) => steer(engine, one.question + ask, plan, { offset, maxTokens: 64 })));
    const texts = (name: string) => answers[name]!.map(({ text }) => text);
    const [plain, cot, steered, offset] = await Promise.all([
      alone('', null, null),
      alone(suffix, null, '\n'),
      alone('', { vector }, '\n'),
      alone('', null, '\n'),
    ]);
    expect(texts('plain')).toEqual(plain.map(({ text }) => text));
    expect(texts('cot')).toEqual(cot.map(({ text }) => text));
    expect(texts('steered')).toEqual(steered.map(({ text }) => text));
    // nothing added is nothing changed
    expect(texts('every')).toEqual(offset.map(({ text }) => text));
    expect(texts('last')).toEqual(offset.map(({ text }) => text));
    const written = steered.map(
      ({ tokens, finishReason }) => tokens.length - (finishReason === 'eos' ? 1 : 0),
    );
    expect(answers.steered!.map(({ tokens }) => tokens)).toEqual(written);
    expect(summary.conditions.steered!.accuracy).toBe(2 / 3);
    expect(summary.conditions.steered!.stepped.count).toBe(3);
    expect(config.conditions.steered!.edits[0]).toMatchObject({
      values: 0.7,
      keys: 0,
      layers: [1, 2, 3, 4, 5],
      position: 1,
    });
    expect(config.task.scorer).toBe('number');
    expect(summary.comparisons.map(({ condition }) => condition)).toEqual([
      'cot',
      'steered',
      'every',
      'last',
    ]);
  });

  it('prefills each distinct prompt once, and worked examples once for all questions', async () => {
    const lengths: number[] = [];
    const counting: Engine = {
      ...engine,
      model: engine.model,
      capabilities: engine.capabilities,
      tokenizer: engine.tokenizer,
      prefill: (tokens: readonly number[], options?: PrefillOptions) => {
        lengths.push(tokens.length);
        return engine.prefill(tokens, options);
      },
      generate: (cache, options) => engine.generate(cache, options),
    } as Engine;
    const plan = { vector };
    await evaluate(
      counting,
      problems,
      { offset: {}, a: { plan }, b: { plan: { ...plan, values: -1 } } },
      { maxTokens: 2 },
    );
    expect(lengths).toHaveLength(3);
    lengths.length = 0;
    const { answers } = await evaluate(
      counting,
      problems,
      { shots: { examples }, both: { examples, plan } },
      { maxTokens: 8 },
    );
    expect(lengths).toHaveLength(4);
    const beginning = Math.max(...lengths);
    expect(lengths.filter((length) => length < beginning)).toHaveLength(3);
    const turns = examples.flatMap(({ question: content, answer }) => [
      { role: 'user', content },
      { role: 'assistant', content: answer },
    ]);
    const alone = await steer(engine, [...turns, { role: 'user', content: problems[0]!.question }], null, {
      offset: '\n',
      maxTokens: 8,
    });
    expect(answers.shots[0]!.text).toBe(alone.text);
  });

  it('goes on with a run that was killed, torn line and all, to the same answers', async () => {
    const conditions: Record<string, Condition> = {
      plain: {},
      sampled: { sampling: { temperature: 1, draws: 2 } },
      steered: { plan: { vector } },
    };
    const options = { maxTokens: 40, seed: 5 };
    const whole = await evaluate(engine, problems, conditions, { ...options, out: join(folder, 'whole') });
    const out = join(folder, 'killed');
    const stop = new AbortController();
    const killed = evaluate(engine, problems, conditions, {
      ...options,
      out,
      concurrency: 2,
      signal: stop.signal,
      onProgress: ({ done }) => done === 4 && stop.abort(new Error('killed')),
    });
    await expect(killed).rejects.toThrow('killed');
    expect((await readRun(out)).summary).toBeNull();
    const path = join(out, 'answers.jsonl');
    await truncate(path, (await readFile(path)).length - 7);
    const done: number[] = [];
    const resumed = await evaluate(engine, problems, conditions, {
      ...options,
      out,
      onProgress: (event) => done.push(event.done),
    });
    expect(done[0]).toBeGreaterThan(0);
    expect(done[0]).toBeLessThan(12);
    for (const name of Object.keys(conditions)) {
      expect(untimed(resumed.answers[name]!)).toEqual(untimed(whole.answers[name]!));
    }
    const { answers, summary, config } = await readRun(out);
    expect(answers).toHaveLength(12);
    expect(config).toEqual(JSON.parse(JSON.stringify(whole.config)));
    expect(summary?.comparisons).toEqual(whole.summary.comparisons);
    await expect(evaluate(engine, problems, conditions, { ...options, maxTokens: 41, out })).rejects.toThrow(
      /maxTokens is 40 there, and 41 here/,
    );
    // damage before the last line is no torn line
    await writeFile(path, `{"torn\n${await readFile(path, 'utf8')}`);
    await expect(readRun(out)).rejects.toThrow('line 1');
    await appendFile(path, '');
  });

  it('counts what cannot be asked or answered, and drops nothing', async () => {
    const long = question('long', 'pens '.repeat(1100), '3');
    const { summary, config, answers } = await evaluate(
      engine,
      [...problems, long, question('unknown', 'What?', null)],
      { plain: {}, steered: { plan: { vector } } },
      { maxTokens: 4, task: { name: 't', malformed: 2 } },
    );
    expect(config.task).toMatchObject({ name: 't', questions: 4, malformed: 3 });
    expect(summary.conditions.steered).toMatchObject({
      n: 4,
      overflow: { count: 1, share: 0.25 },
      unfinished: { count: 3 },
    });
    expect(answers.steered.at(-1)).toMatchObject({
      question: 'long',
      status: 'overflow',
      right: false,
      finish: null,
    });
  });

  it('forces a choice by its letter where the answer names none', async () => {
    const asked = question('q', 'Which is a metal?', 'A', ['iron', 'wood', 'water']);
    const { answers } = await evaluate(
      engine,
      [asked],
      { plain: {}, steered: { plan: { vector } } },
      { maxTokens: 24 },
    );
    const answer = answers.plain[0]!;
    expect(answer.by).toBe('forced');
    expect('ABC').toContain(answer.answer);
    // by hand: the same text in one prompt, and the logits after it
    const { tokenizer } = engine;
    const prompt = tokenizer.applyChatTemplate([
      { role: 'user', content: 'Which is a metal?\nA) iron\nB) wood\nC) water' },
    ]);
    const letters = ['A', 'B', 'C'].map((letter) => tokenizer.encode(` ${letter}`));
    const single = letters.every((ids) => ids.length === 1);
    const lead = `\n\nSo the correct choice is${single ? '' : ' '}`;
    const text = [
      ...tokenizer.encode(`${prompt}\n`),
      ...tokenizer.encode(answer.text),
      ...tokenizer.encode(lead),
    ];
    const { cache, logits } = await engine.prefill(text);
    await cache[Symbol.asyncDispose]();
    const ids = single
      ? letters.map(([id]) => id!)
      : ['A', 'B', 'C'].map((letter) => tokenizer.encode(letter)[0]!);
    const best = ids
      .map((id) => logits[id]!)
      .reduce((most, logit, i, all) => (logit > all[most]! ? i : most), 0);
    expect(answer.answer).toBe('ABC'[best]);
  });

  it('measures side effects and solo times', async () => {
    const { summary } = await evaluate(
      engine,
      problems.slice(0, 1),
      { offset: {}, weak: { plan: { vector } }, strong: { plan: { vector, values: 8 } } },
      { maxTokens: 4, sideEffects: true, solo: 1 },
    );
    const { offset, weak, strong } = summary.conditions;
    expect(offset.sideEffects!.kl).toBe(0);
    expect(weak.sideEffects!.kl).toBeGreaterThan(0);
    expect(strong.sideEffects!.kl).toBeGreaterThan(weak.sideEffects!.kl);
    expect(weak.solo!.msPerExample).toBeGreaterThan(weak.solo!.msPerToken);
  });

  it('refuses what it cannot measure', async () => {
    await expect(evaluate(engine, [], { plain: {} })).rejects.toThrow('nothing to measure');
    await expect(evaluate(engine, problems, {})).rejects.toThrow(InvalidArgumentError);
    await expect(evaluate(engine, problems, { plain: {} }, { baseline: 'cot' })).rejects.toThrow('baseline');
    await expect(evaluate(engine, [problems[0]!, problems[0]!], { plain: {} })).rejects.toThrow('same id');
    await expect(evaluate(engine, problems, { plain: {} }, { concurrency: 0 })).rejects.toThrow(
      'concurrency',
    );
    await expect(
      evaluate(engine, problems, { a: { sampling: { temperature: 0, draws: 1 } } }),
    ).rejects.toThrow('temperature');
  });
});

describe('tune', () => {
  it('chooses the smallest of the best on validation, and reports it on other questions', async () => {
    const plans = Object.fromEntries(
      [0, 0.7].map((values) => [`c_v ${values}`, { plan: { vector, values } }]),
    );
    const parts = { validation: problems.slice(0, 2), test: problems.slice(2) };
    const { record, test } = await tune(engine, parts, plans, { maxTokens: 64 });
    expect(record.chosen).toBe('c_v 0.7');
    expect(record.questions).toBe(2);
    expect(Object.keys(test.summary.conditions)).toEqual(['unsteered', 'c_v 0.7']);
    expect(test.answers['c_v 0.7']).toHaveLength(1);
  });

  it('refuses a text that is in both parts, and a budget that nothing keeps', async () => {
    const again = question('other', `${problems[0]!.question.toUpperCase()} `, '7');
    await expect(tune(engine, { validation: [again], test: problems }, { plain: {} })).rejects.toThrow(
      'among the validation questions',
    );
    const plans = { strong: { plan: { vector, values: 0.7 } } };
    await expect(choose(engine, problems, plans, { maxTokens: 64, budget: { tokens: 2 } })).rejects.toThrow(
      /the least are \d/,
    );
  });
});
