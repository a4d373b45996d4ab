import { describe, expect, it } from 'vitest';
import { type FieldMap, requireFieldMap } from './field-map.ts';
import { MalformedRowError, readQuestion } from './read-question.ts';

/** Question, choices, answer and rationale of a row, and its layout. */
function read(row: unknown, map: FieldMap | null = null) {
  const { question: found, layout } = readQuestion(row, map);
  const { question, choices, answer, rationale } = found;
  return [layout, question, choices, answer, rationale];
}

describe('published layouts', () => {
  it.each<[string, object, unknown[]]>([
    [
      'GSM8K',
      { question: 'How many?', answer: 'It is <<1+1=2>>2.\n#### 2' },
      ['gsm8k', 'How many?', null, '2', ['It is 2.']],
    ],
    [
      "ARC's of the hub, with digits for labels",
      { id: 'x', question: 'Q', choices: { text: ['a', 'b', 'c'], label: ['1', '2', '3'] }, answerKey: '2' },
      ['labelled choices', 'Q', ['a', 'b', 'c'], 'B', null],
    ],
    [
      "CommonsenseQA's own",
      {
        answerKey: 'B',
        id: 'x',
        question: {
          stem: 'Q',
          choices: [
            { label: 'A', text: 'a' },
            { label: 'B', text: 'b' },
          ],
        },
      },
      ['stem', 'Q', ['a', 'b'], 'B', null],
    ],
    [
      'PIQA',
      { goal: 'open it', sol1: 'push', sol2: 'pull', label: 1 },
      ['piqa', 'open it', ['push', 'pull'], 'B', null],
    ],
    [
      'PIQA of a CSV',
      { goal: 'open it', sol1: 'push', sol2: 'pull', label: '0' },
      ['piqa', 'open it', ['push', 'pull'], 'A', null],
    ],
    [
      'PIQA without labels',
      { goal: 'open it', sol1: 'push', sol2: 'pull', label: -1 },
      ['piqa', 'open it', ['push', 'pull'], null, null],
    ],
    [
      'StrategyQA',
      { qid: 'x', question: 'Q?', answer: false, facts: ['f', 'g'], decomposition: ['d'] },
      ['strategyqa', 'Q?', null, 'no', ['f', 'g']],
    ],
    [
      'MATH',
      { problem: 'P', level: 'Level 5', type: 'Algebra', solution: 'So $\\boxed{12}$.' },
      ['math', 'P', null, '12', ['So $12$.']],
    ],
    [
      'MATH-500',
      { problem: 'P', solution: 'So $\\boxed{12}$.', answer: '12' },
      ['math', 'P', null, '12', ['So $12$.']],
    ],
    [
      "MMLU's",
      { question: 'Q', subject: 's', choices: ['w', 'x', 'y', 'z'], answer: 3 },
      ['plain', 'Q', ['w', 'x', 'y', 'z'], 'D', null],
    ],
    [
      'items of a pairs file',
      { question: 'Q', steps: ['a', 'b'], answer: 5 },
      ['plain', 'Q', null, '5', ['a', 'b']],
    ],
    ['capitals in names', { Problem: 'P', Answer: 'A' }, ['plain', 'P', null, 'A', null]],
    [
      'choices as a text, the answer one of them',
      { prompt: 'P', options: '["x", "y"]', target: 'y' },
      ['plain', 'P', ['x', 'y'], 'B', null],
    ],
  ])('%s', (_, row, expected) => {
    expect(read(row)).toEqual(expected);
  });

  it('GPQA: the right choice is named, wherever it is put', () => {
    const at = new Set<string>();
    for (let i = 0; i < 20; i++) {
      const row = {
        Question: `Q${i}`,
        'Correct Answer': 'right\n',
        'Incorrect Answer 1': 'a',
        'Incorrect Answer 2': 'b',
        'Incorrect Answer 3': 'c',
        Explanation: 'Because.',
        'Record ID': 'rec1',
      };
      const { question, layout } = readQuestion(row, null);
      expect([layout, question.id, question.rationale]).toEqual(['gpqa', 'rec1', ['Because.']]);
      expect(question.choices![question.answer!.charCodeAt(0) - 65]).toBe('right');
      expect(readQuestion(row, null).question).toEqual(question);
      at.add(question.answer!);
    }
    expect([...at].sort()).toEqual(['A', 'B', 'C', 'D']);
  });
});

describe('a field mapping', () => {
  it('names fields, inner fields, and a field for each choice', () => {
    const row = { q: { text: 'Q' }, A: 'x', B: 'y', right: 'B', why: 'one\ntwo', id: 3 };
    const map = { question: 'q.text', choices: ['A', 'B'], answer: 'right', rationale: 'why' };
    expect(read(row, map)).toEqual(['mapped', 'Q', ['x', 'y'], 'B', ['one', 'two']]);
    expect(readQuestion(row, map).question.id).toBe('3');
  });

  it('takes the place of the usual names', () => {
    expect(read({ question: 'old', rewritten: 'new', answer: '1' }, { question: 'rewritten' })[1]).toBe(
      'new',
    );
  });

  it('must name parts and fields', () => {
    expect(() => requireFieldMap({ titel: 'x' } as FieldMap)).toThrow(/"titel", which no question has/);
    expect(() => requireFieldMap({ question: '' })).toThrow(/must name a field/);
    expect(() => requireFieldMap({ choices: [] })).toThrow(/must name a field/);
  });
});

describe('rows that are no question', () => {
  it.each<[unknown, RegExp]>([
    [7, /expected an object/],
    [[], /expected an object/],
    [{ text: 'Q', label: 1 }, /expected a question, found the fields text, label/],
    [{ question: ' ' }, /not blank, found " "/],
    [{ question: 'Q', choices: ['a'] }, /2 to 26 choices, found 1/],
    [{ question: 'Q', choices: 'a, b' }, /list of texts/],
    [{ question: 'Q', choices: ['a', ''] }, /list of texts/],
    [{ question: 'Q', choices: { text: ['a', 'b'], label: ['A'] } }, /list of texts/],
    [{ question: 'Q', choices: ['a', 'b'], answer: 'C' }, /"C" is none of the 2 choices/],
    [{ question: 'Q', choices: ['a', 'b'], answer: 2 }, /2 is none/],
    [{ question: 'Q', choices: ['a', 'b'], answer: 0.5 }, /none/],
    [{ question: 'Q', answer: { text: ['x'] } }, /answer to be a text or a number/],
    [{ question: 'Q', answer: '1', rationale: [1] }, /rationale to be/],
  ])('%j', (row, message) => {
    expect(() => readQuestion(row, null)).toThrow(MalformedRowError);
    expect(() => readQuestion(row, null)).toThrow(message);
  });
});
