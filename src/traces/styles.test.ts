import { describe, expect, it } from 'vitest';
import { closingSentence } from '../data/final-answer.ts';
import type { Question } from '../data/question.ts';
import { readTrace } from './read-trace.ts';
import { examples, styleNames, styles } from './styles.ts';
import { type AnsweredQuestion, type Fault, traceRequest } from './trace-request.ts';

const question = (fields: Partial<Question>) =>
  ({
    id: 'q',
    question: 'Q?',
    choices: null,
    answer: '9',
    rationale: null,
    source: null,
    licence: null,
    ...fields,
  }) as AnsweredQuestion;
const choices = ['the tea', 'the air', 'the ice'];
const user = (asked: AnsweredQuestion, previous: Fault | null) =>
  traceRequest(asked, 'causal', { attempt: previous ? 2 : 1, previous, maxTokens: 9 }).messages[1]!.content;

describe.each(styleNames)('%s', (style) => {
  it('has examples of its own form, and of no other, that end right', () => {
    const { numberExample, choiceExample } = styles[style];
    const number = `${numberExample}\n${closingSentence(examples.number.answer)}`;
    const choice = `${choiceExample}\n${closingSentence(examples.choice.answer)}`;
    expect(readTrace({ text: number, isCut: false }, question({}), style)).toEqual({
      reasoning: numberExample,
    });
    expect(readTrace({ text: choice, isCut: false }, question({ choices, answer: 'B' }), style)).toEqual({
      reasoning: choiceExample,
    });
    for (const other of styleNames.filter((name) => name !== style)) {
      expect(styles[other].form.test(numberExample)).toBe(false);
    }
  });

  it('shows the example that is like the question, and the style alone', () => {
    const system = (asked: AnsweredQuestion) =>
      traceRequest(asked, style, { attempt: 1, previous: null, maxTokens: 9 }).messages[0]!.content;
    expect(system(question({}))).toContain(styles[style].numberExample);
    expect(system(question({ choices, answer: 'B' }))).toContain(styles[style].choiceExample);
    expect(system(question({ answer: 'yes' }))).toContain(styles[style].choiceExample);
  });
});

describe('a request', () => {
  it('says how the answer is to be written', () => {
    expect(user(question({}), null)).toMatch(
      /^Q\?\n\nEnd with .*"The answer is X\.", where X is the number alone/,
    );
    expect(user(question({ choices, answer: 'B' }), null)).toMatch(
      /A\) the tea\nB\) the air\n[\s\S]*the letter/,
    );
    expect(user(question({ answer: 'yes' }), null)).toContain('X is yes or no');
    expect(user(question({ answer: 'Paris' }), null)).toContain('as few words');
  });

  it('says what was wrong before, but not where that gives the answer away', () => {
    expect(user(question({}), 'wrong')).toContain('ended in a wrong answer');
    expect(user(question({}), 'form')).toContain('Because');
    expect(user(question({}), 'cut')).toContain('too long');
    expect(user(question({ answer: 'no' }), 'wrong')).toBe(user(question({ answer: 'no' }), null));
    const two = question({ choices: ['one', 'two'], answer: 'A' });
    expect(user(two, 'wrong')).toBe(user(two, null));
  });
});

describe('readTrace', () => {
  const read = (text: string, isCut = false) => readTrace({ text, isCut }, question({}), null);
  it('drops thinking, emphasis, blank lines and what follows the answer', () => {
    const text =
      '<think>The answer is 8.</think>\r\n**Sum:** 4 + 5 = 9.  \r\n\r\nDone.\n\n**The answer is 9.** Glad to help!';
    expect(read(text)).toEqual({ reasoning: 'Sum: 4 + 5 = 9.\nDone.' });
  });
  it('tells what is wrong', () => {
    expect(read('It is 9.')).toEqual({ fault: 'form' });
    expect(read('The answer is 9.')).toEqual({ fault: 'form' });
    expect(read('4 + 5. The answer is 9.')).toEqual({ fault: 'form' });
    expect(read('So it is. The answer is 8.')).toEqual({ fault: 'wrong' });
    expect(read('So it is. The answer is 9.', true)).toEqual({ fault: 'cut' });
  });
});
