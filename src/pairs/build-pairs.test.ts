import { existsSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InvalidArgumentError } from '../errors.ts';
import { buildPairs, type LeftOutPair, pairsOf } from './build-pairs.ts';
import { byteTokenizer, chatMl } from './byte-tokenizer.test-support.ts';
import { defaultStyles, exampleTurns, type PairItem, type PairStyles } from './item.ts';
import { readItemsFile } from './read-pairs-file.ts';

const stepsFile = new URL('../../models/pairs/steps.jsonl', import.meta.url).pathname;
const goldenFile = new URL('../../test/goldens/pairs.json', import.meta.url).pathname;

const items: PairItem[] = Array.from({ length: 6 }, (_, i) => ({
  question: `Q${i}?`,
  steps: [`Step 1: ${i}.`, 'Step 2: done.'],
  answer: i,
}));

describe('example turns', () => {
  const turns = (item: unknown, styles: PairStyles = defaultStyles) =>
    exampleTurns(item, 'item 3', styles, 9);

  it('join the steps by a blank and keep the leading blank of a bare answer', () => {
    expect(turns(items[3])).toEqual({
      question: 'Q3?',
      positive: 'Step 1: 3. Step 2: done. The answer is 3.',
      negative: ' The answer is 3.',
    });
    expect(turns({ ...items[3], steps: 'Because.' }).positive).toBe('Because. The answer is 3.');
  });

  it('answer wrongly, bare or in steps that go wrong', () => {
    const wrong = { steps: ['Step 1: a slip.'], answer: '4' };
    const both = { positive: 'wrong-steps', negative: 'wrong-answer' };
    expect(turns({ ...items[3], wrong }, both)).toMatchObject({
      positive: 'Step 1: a slip. The answer is 4.',
      negative: ' The answer is 9.',
    });
    expect(() => turns(items[3], both)).toThrow('item 3: expected "wrong" to be {"steps", "answer"}');
    expect(() => turns({ ...items[3], wrong: { ...wrong, answer: ' 3 ' } }, both)).toThrow('another answer');
  });

  it("prefer an item's own styles to the built-in ones, and take both from one item", () => {
    const item = { ...items[3], styles: { direct: 'The answer is 3.' } };
    expect(turns(item)).toMatchObject({
      positive: 'Step 1: 3. Step 2: done. The answer is 3.',
      negative: 'The answer is 3.',
    });
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

  it('shows all the same examples where they are fixed', () => {
    const fixed = buildPairs(items, { tokenizer: byteTokenizer, turns: 2, selection: 'fixed' });
    const examples = fixed.map((pair) => pair.source!.examples);
    expect(examples).toEqual([
      [1, 2],
      [0, 2],
      [0, 1],
      [0, 1],
      [0, 1],
      [0, 1],
    ]);
  });

  it('answers wrongly with the answer of the next item that has another', () => {
    const answers = [5, '5', ' 5', 7].map((answer, i) => ({ ...items[i]!, answer }));
    const styles = { positive: 'steps', negative: 'wrong-answer' };
    const pairs = buildPairs(answers, { tokenizer: byteTokenizer, turns: 1, styles });
    const shown = pairs.map(({ negative }) => /The answer is (.+?)\./.exec(negative.text)![1]);
    // Each shows the next item, so item 3's own turn comes in pair 2.
    expect(shown).toEqual(['7', '7', '5', '7']);
    const same = answers.slice(0, 3);
    expect(() => buildPairs(same, { tokenizer: byteTokenizer, turns: 1, styles })).toThrow(
      'no other item has another answer',
    );
  });

  it('makes pairs as they are asked for, of the first items, with examples from all', () => {
    let encoded = 0;
    const tokenizer = {
      ...byteTokenizer,
      encode: (text: string) => {
        encoded++;
        return byteTokenizer.encode(text);
      },
    };
    const pairs = pairsOf(items, { tokenizer, turns: 1, count: 2, selection: 'nearest' });
    expect(encoded).toBe(0);
    pairs.next();
    expect(encoded).toBe(2);
    expect([...pairs]).toHaveLength(1);
    expect(() => pairsOf(items, { tokenizer, count: 0 })).toThrow(InvalidArgumentError);
    expect(() => pairsOf(items, { tokenizer, turns: 9 })).toThrow(/expected 1 to 5/);
  });

  it('matches the lengths of both sides, with turns that no question answers itself', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.string({ maxLength: 30 }), fc.string({ minLength: 1, maxLength: 80 })), {
          minLength: 30,
          maxLength: 40,
        }),
        (texts) => {
          const many = texts.map(([question, steps], i) => ({
            question: `Q${i} ${question}`,
            steps: `${steps}.`,
            answer: i,
          }));
          const options = { tokenizer: byteTokenizer, turns: 2, count: 5, matchLength: true };
          for (const { positive, negative, source } of buildPairs(many, options)) {
            const { item, examples, padding } = source!;
            const { positive: plain, negative: bare } = buildPairs(many, { ...options, matchLength: false })[
              item
            ]!;
            const before = Math.abs(plain.tokens.length - bare.tokens.length);
            expect(Math.abs(positive.tokens.length - negative.tokens.length)).toBeLessThanOrEqual(before);
            expect(positive.position - negative.position).toBe(
              positive.tokens.length - negative.tokens.length,
            );
            const added = [...(padding?.positive ?? []), ...(padding?.negative ?? [])];
            expect(new Set([item, ...examples, ...added]).size).toBe(1 + examples.length + added.length);
          }
        },
      ),
      { numRuns: 10 },
    );
  });

  it('leaves out pairs that differ by too many tokens, and says which', () => {
    const long = items.map((item, i) => ({ ...item, steps: 'x'.repeat(i === 3 ? 900 : 30) }));
    const leftOut: LeftOutPair[] = [];
    const pairs = buildPairs(long, {
      tokenizer: byteTokenizer,
      turns: 1,
      maxGap: 100,
      onLeftOut: (pair) => leftOut.push(pair),
    });
    // The negative turn has a leading blank, which ChatML keeps.
    expect(leftOut).toEqual([{ item: 2, gap: 900 }]);
    expect(pairs.map(({ source }) => source!.item)).toEqual([0, 1, 3, 4, 5]);
  });

  it('writes prompts by a template of the user', () => {
    const template = 'Q: {question}\nA: {answer}\n\n';
    const options = { tokenizer: byteTokenizer, turns: 1, template, system: '<s>' };
    const [pair] = buildPairs(items, options);
    expect(pair!.positive.text).toBe('<s>Q: Q1?\nA: Step 1: 1. Step 2: done. The answer is 1.\n\nQ: Q0?\nA:');
    expect(pair!.negative.text).toBe('<s>Q: Q1?\nA: The answer is 1.\n\nQ: Q0?\nA:');
    for (const bad of ['Q: {question}', '{answer} {question}', '{question}{question}{answer}', 'x']) {
      expect(() => buildPairs(items, { ...options, template: bad })).toThrow(/each once/);
    }
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
