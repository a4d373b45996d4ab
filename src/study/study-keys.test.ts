import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseHTML } from 'linkedom';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Engine } from '../engine/engine.ts';
import { InvalidArgumentError } from '../errors.ts';
import { loadEngine } from '../load-engine.ts';
import type { StyledItem } from '../pairs/item.ts';
import { forcedLogProb } from './forced-answer.ts';
import type { KeyCondition } from './key-effects.ts';
import { keyFigure } from './key-figure.ts';
import { type KeyStudy, studyKeys } from './study-keys.ts';

const problems = new URL('../../models/tiny/problems/validation.jsonl', import.meta.url);
const items: StyledItem[] = readFileSync(fileURLToPath(problems), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line));
const styles = { positive: 'stepwise', negative: 'direct' };

let engine: Engine;
beforeAll(async () => {
  engine = await loadEngine('tiny', { precision: 'fp32', download: false });
});
afterAll(async () => {
  await engine?.[Symbol.asyncDispose]();
});

describe('forcedLogProb', () => {
  it('is the mean of what greedy decoding reports for the tokens it chose itself', async () => {
    const text = engine.tokenizer.applyChatTemplate([{ role: 'user', content: items[0]!.question }]);
    const prompt = engine.tokenizer.encode(text);
    const logprobs: number[] = [];
    const answer: number[] = [];
    const { cache } = await engine.prefill(prompt.slice(0, -1));
    await using _ = cache;
    await using copy = await cache.fork();
    const options = { feed: prompt.slice(-1), maxTokens: 8, logprobs: true };
    for await (const event of engine.generate(copy, options)) {
      if (event.type !== 'token') continue;
      answer.push(event.token);
      logprobs.push(event.logprob!);
    }
    const expected = logprobs.reduce((sum, value) => sum + value, 0) / logprobs.length;
    expect(await forcedLogProb(engine, cache, prompt.at(-1)!, answer)).toBeCloseTo(expected, 4);
    expect(cache.length).toBe(prompt.length - 1);
  });

  it('refuses an empty answer', async () => {
    const { cache } = await engine.prefill([1, 2]);
    await using _ = cache;
    await expect(forcedLogProb(engine, cache, 1, [])).rejects.toThrow(InvalidArgumentError);
  });
});

describe('studyKeys', () => {
  let study: KeyStudy;
  const phases: string[] = [];
  beforeAll(async () => {
    study = await studyKeys(engine, items, {
      styles,
      pairs: 6,
      questions: 3,
      draws: 2,
      values: 6,
      onProgress: ({ phase, done, total }) => phases.push(`${phase} ${done}/${total}`),
    });
  });
  const effect = (name: KeyCondition) => study.effects.find(({ condition }) => condition === name)!;

  it('reports progress and records its configuration', () => {
    expect(phases).toEqual([
      ...[1, 2, 3, 4, 5, 6].map((i) => `pairs ${i}/6`),
      ...[1, 2, 3].map((i) => `questions ${i}/3`),
    ]);
    expect(study.configuration).toMatchObject({
      turns: 2,
      questions: 3,
      values: 6,
      keys: 1,
      draws: 2,
      styles,
    });
    expect(study.differences.pairs.count).toBe(6);
  });

  it('finds that position is what the post-RoPE keys of this model differ by', () => {
    const { artefact, heads, positions } = study.differences;
    expect(positions.positive).toBeGreaterThan(positions.negative + 50);
    expect(artefact.cosine.overall).toBeGreaterThan(0.99);
    expect(artefact.shareLeft.overall).toBeLessThan(0.01);
    expect(heads.artefactShares).toHaveLength(6);
    for (const share of heads.artefactShares.flat()) expect(share).toBeGreaterThan(0.98);
    // Layer 0 reads the token alone, which is the same on both sides: nothing is left with RoPE off.
    for (const norm of heads.unrotatedNorms[0]!) expect(norm).toBeLessThan(1e-5);
    for (const norm of heads.postRopeNorms[0]!) expect(norm).toBeGreaterThan(1);
  });

  it('measures that values switch the style, as generation shows, and un-rotated keys add nothing', () => {
    expect(effect('values').gap.mean).toBeGreaterThan(effect('nothing').gap.mean + 0.5);
    expect(effect('values').beyondValues).toEqual({ mean: 0, interval: [0, 0] });
    expect(Math.abs(effect('unrotated').beyondValues.mean)).toBeLessThan(0.05);
    expect(effect('random').draws).toHaveLength(2);
    const draws = effect('random').draws!;
    expect(effect('random').gap.mean).toBeCloseTo((draws[0]! + draws[1]!) / 2, 10);
  });

  it('with nothing added, scores what the unsteered model gives', async () => {
    const { trace } = effect('nothing');
    const scored: number[] = [];
    for (const { question, styles: answers } of items.slice(6, 9)) {
      const text = engine.tokenizer.applyChatTemplate([{ role: 'user', content: question }]);
      const tokens = [...engine.tokenizer.encode(text), ...engine.tokenizer.encode('\n')];
      const { cache } = await engine.prefill(tokens.slice(0, -1));
      await using _ = cache;
      const answer = engine.tokenizer.encode(answers.stepwise!);
      scored.push(await forcedLogProb(engine, cache, tokens.at(-1)!, answer));
    }
    expect(trace.mean).toBeCloseTo((scored[0]! + scored[1]! + scored[2]!) / 3, 6);
  });

  it('draws a figure with a cell for each layer and head, and a row for each condition', async () => {
    const svg = await keyFigure(study);
    const { document } = parseHTML(svg);
    expect(svg.startsWith('<svg xmlns="http://www.w3.org/2000/svg"')).toBe(true);
    const { layers, kvHeads } = study.model;
    expect(document.querySelectorAll('[aria-label="cell"] rect')).toHaveLength(4 * layers * kvHeads);
    expect(document.querySelectorAll('[aria-label="dot"] circle')).toHaveLength(7 + 2 * 2);
  });

  it('stops when it is told to', async () => {
    const stop = new AbortController();
    const running = studyKeys(engine, items, {
      styles,
      pairs: 3,
      signal: stop.signal,
      onProgress: () => stop.abort(new Error('enough')),
    });
    await expect(running).rejects.toThrow('enough');
  });

  it('refuses items that are too few, and pairs that are none', async () => {
    await expect(studyKeys(engine, items.slice(0, 4), { styles, pairs: 4 })).rejects.toThrow(
      /at least 4 items for the pairs and 1 others/,
    );
    await expect(studyKeys(engine, items, { styles, pairs: 1 })).rejects.toThrow(InvalidArgumentError);
    const same = Array.from({ length: 8 }, () => items[0]!);
    await expect(studyKeys(engine, same, { styles, pairs: 4 })).rejects.toThrow(/to hold out/);
  });
});
