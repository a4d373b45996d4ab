/** Overlap and splits by text. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InvalidArgumentError } from '../errors.ts';
import { removeOverlap } from './overlap.ts';
import type { Question } from './question.ts';
import { questionKey } from './question-key.ts';
import { splitQuestions } from './split-questions.ts';

const ask = (question: string, id = question): Question => ({
  id,
  question,
  choices: null,
  answer: null,
  rationale: null,
  source: null,
  licence: null,
});
/** Few different texts, so that copies are common. */
const questions = fc
  .array(fc.nat(12), { minLength: 2, maxLength: 40 })
  .map((texts) => texts.map((text, index) => ask(`What is ${text}?`, `q${index}`)));

it('the key keeps letters and digits of any script, and nothing else', () => {
  expect(questionKey("What's  2 + 2?\n")).toBe('whats22');
  expect(questionKey('WHAT’S 2+2')).toBe('whats22');
  expect(questionKey('Größe: ½')).toBe(questionKey('größe 1/2'));
  expect(questionKey('水は?')).toBe('水は');
  expect(questionKey(' ?! ')).toBe('?!');
});

describe('removeOverlap', () => {
  it('takes out of train what test has, and says which', () => {
    const train = [ask('A cat?', 't0'), ask('A dog?', 't1'), ask('a CAT', 't2')];
    const test = [ask('A  cat.', 'x0'), ask('a cat', 'x1'), ask('A cow?', 'x2')];
    const { train: left, overlap } = removeOverlap(train, test);
    expect(left.map(({ id }) => id)).toEqual(['t1']);
    expect(overlap.map((each) => [each.train.id, each.test.id])).toEqual([
      ['t0', 'x0'],
      ['t2', 'x0'],
    ]);
  });
});

describe('splitQuestions', () => {
  it('gives every question to one part, no text to both, no more than asked for', () => {
    fc.assert(
      fc.property(questions, fc.integer({ min: 1, max: 20 }), fc.nat(), (all, validation, seed) => {
        let split: ReturnType<typeof splitQuestions>;
        try {
          split = splitQuestions(all, { validation, seed });
        } catch (error) {
          expect(error).toBeInstanceOf(InvalidArgumentError);
          return;
        }
        const ids = [...split.train, ...split.validation].map(({ id }) => id);
        expect(ids.sort()).toEqual(all.map(({ id }) => id).sort());
        expect(removeOverlap(split.train, split.validation).overlap).toEqual([]);
        expect(split.validation.length).toBeLessThanOrEqual(validation);
      }),
    );
  });

  it('fills the share, in the order given, the same each time and another for another seed', () => {
    const all = Array.from({ length: 200 }, (_, i) => ask(`question ${i}`));
    const ids = (seed: number, of = all) =>
      splitQuestions(of, { validation: 0.25, seed }).validation.map(({ id }) => id);
    expect(ids(1)).toHaveLength(50);
    expect(ids(1)).toEqual(ids(1));
    expect(ids(1)).not.toEqual(ids(2));
    expect(ids(1)).toEqual([...ids(1)].sort((a, b) => Number(a.slice(9)) - Number(b.slice(9))));
    expect(ids(1, all.toReversed()).sort()).toEqual(ids(1).sort());
  });

  it('refuses sizes that leave a part empty', () => {
    const all = [ask('a'), ask('b'), ask('A')];
    for (const validation of [0, -1, 1.5, Number.NaN, 3]) {
      expect(() => splitQuestions(all, { validation })).toThrow(InvalidArgumentError);
    }
    expect(() => splitQuestions([ask('a'), ask('A')], { validation: 1 })).toThrow(/share no text/);
  });
});
