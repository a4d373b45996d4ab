import { existsSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InvalidArgumentError } from '../errors.ts';
import { buildPairs } from './build-pairs.ts';
import { byteTokenizer, chatMl } from './byte-tokenizer.test-support.ts';
import { exampleTurn, type PairItem } from './item.ts';
import { readItemsFile } from './read-pairs-file.ts';

const stepsFile = new URL('../../models/pairs/steps.jsonl', import.meta.url).pathname;
const goldenFile = new URL('../../test/goldens/pairs.json', import.meta.url).pathname;

const items: PairItem[] = Array.from({ length: 6 }, (_, i) => ({
  question: `Q${i}?`,
  steps: [`Step 1: ${i}.`, 'Step 2: done.'],
  answer: i,
}));

describe('example turns', () => {
  it('join the steps by a blank and keep the leading blank of a bare answer', () => {
    expect(exampleTurn(items[3]!, 'positive')).toBe('Step 1: 3. Step 2: done. The answer is 3.');
    expect(exampleTurn(items[3]!, 'negative')).toBe(' The answer is 3.');
    expect(exampleTurn({ ...items[3]!, steps: 'Because.' }, 'positive')).toBe('Because. The answer is 3.');
  });
});

describe('buildPairs', () => {
  it('shows answers in two styles as they are', () => {
    const styled = ['Q0?', 'Q1?'].map((question) => ({
      question,
      styles: { direct: `${question} D`, causal: `${question} C` },
    }));
    const options = { tokenizer: byteTokenizer, turns: 1 };
    const [pair] = buildPairs(styled, { ...options, styles: { positive: 'causal', negative: 'direct' } });
    const side = (content: string) =>
      chatMl([
        { role: 'user', content: 'Q1?' },
        { role: 'assistant', content },
        { role: 'user', content: 'Q0?' },
      ]);
    expect([pair?.positive.text, pair?.negative.text]).toEqual([side('Q1? C'), side('Q1? D')]);
    expect(() =>
      buildPairs(styled, { ...options, styles: { positive: 'stepwise', negative: 'direct' } }),
    ).toThrow('item 0: expected "styles" to hold an answer named "stepwise", found ["direct","causal"].');
    expect(() => buildPairs(items, { ...options, styles: { positive: 'a', negative: 'b' } })).toThrow(
      'found nothing',
    );
  });

  it.skipIf(!existsSync(goldenFile))(
    'rebuilds the golden pairs from the items that the package ships (skipped where ../shared is absent)',
    async () => {
      const { pairs } = JSON.parse(readFileSync(goldenFile, 'utf8'));
      const goldenIds = new Map<string, number[]>();
      for (const { positive, negative } of pairs) {
        for (const side of [positive, negative]) goldenIds.set(side.text, side.token_ids);
      }
      // The ids are looked up by the exact text: an unknown text has none and fails.
      const tokenizer = { ...byteTokenizer, encode: (text: string) => [...(goldenIds.get(text) ?? [])] };
      const built = buildPairs(await readItemsFile(stepsFile), { tokenizer });
      expect(built).toHaveLength(16);
      for (const [i, golden] of pairs.entries()) {
        const { positive, negative, source } = built[i]!;
        expect(positive.text).toBe(golden.positive.text);
        expect(negative.text).toBe(golden.negative.text);
        expect(positive.tokens).toEqual(golden.positive.token_ids);
        expect(negative.tokens).toEqual(golden.negative.token_ids);
        expect(positive.position).toBe(golden.positive.extract_position);
        expect(negative.position).toBe(golden.negative.extract_position);
        expect(source).toEqual({ item: i, examples: golden.icl_indices });
      }
    },
  );

  it('gives each side the same question and generation prompt, and its own example turns', () => {
    const pair = buildPairs(items, { tokenizer: byteTokenizer, turns: 1, system: 'Be brief.' })[5]!;
    expect(pair.positive.text).toBe(
      chatMl([
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'Q0?' },
        { role: 'assistant', content: 'Step 1: 0. Step 2: done. The answer is 0.' },
        { role: 'user', content: 'Q5?' },
      ]),
    );
    expect(pair.positive.position).toBe(pair.positive.tokens.length - 1);
    expect(pair.negative.tokens.length).toBeLessThan(pair.positive.tokens.length);
  });

  it('chooses random examples by the seed, never the item itself, none twice', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 5 }), (seed, turns) => {
        const options = { tokenizer: byteTokenizer, turns, selection: 'random', seed } as const;
        const chosen = buildPairs(items, options).map((pair) => pair.source!.examples);
        expect(buildPairs(items, options).map((pair) => pair.source!.examples)).toEqual(chosen);
        for (const [item, examples] of chosen.entries()) {
          expect(new Set(examples).size).toBe(turns);
          expect(examples).not.toContain(item);
          for (const example of examples) expect(example).toBeLessThan(items.length);
        }
      }),
      { numRuns: 50 },
    );
  });

  it('takes explicit indices, and refuses those of no other item', () => {
    const two = items.slice(0, 2);
    const pairs = buildPairs(two, { tokenizer: byteTokenizer, selection: [[1], [0, 0]] });
    expect(pairs[1]!.source).toEqual({ item: 1, examples: [0, 0] });
    for (const selection of [[[0], [0]], [[1], [2]], [[1], []], [[1]]]) {
      expect(() => buildPairs(two, { tokenizer: byteTokenizer, selection })).toThrow(InvalidArgumentError);
    }
  });

  it('refuses turns out of range and bad items, saying which', () => {
    for (const turns of [0, 6, 1.5]) {
      expect(() => buildPairs(items, { tokenizer: byteTokenizer, turns })).toThrow(/expected 1 to 5, not/);
    }
    expect(() => buildPairs(items.slice(0, 1), { tokenizer: byteTokenizer })).toThrow(/At least 2 items/);
    const bad = [...items, { question: 'Q', steps: [], answer: 1 }];
    expect(() => buildPairs(bad, { tokenizer: byteTokenizer })).toThrow(/item 6: expected "steps"/);
  });
});
