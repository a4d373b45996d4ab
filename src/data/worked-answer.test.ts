import { describe, expect, it } from 'vitest';
import { stepsOf, workedAnswer } from './worked-answer.ts';

describe('workedAnswer', () => {
  it('takes GSM8K apart', () => {
    const text =
      'Natalia sold 48/2 = <<48/2=24>>24 clips in May.\n\nShe sold 48+24 = <<48+24=72>>72 in all.\n#### 1,072';
    expect(workedAnswer(text)).toEqual({
      answer: '1072',
      steps: ['Natalia sold 48/2 = 24 clips in May.', 'She sold 48+24 = 72 in all.'],
    });
    expect(workedAnswer('#### 7')).toEqual({ answer: '7', steps: null });
  });

  it('takes MATH apart: the last box, whatever braces are in it', () => {
    const text = 'First $\\boxed{1}$.\n\nThen\n$x = \\boxed{\\frac{1}{\\sqrt{2}}}$.';
    expect(workedAnswer(text)).toEqual({
      answer: '\\frac{1}{\\sqrt{2}}',
      steps: ['First $1$.', 'Then\n$x = \\frac{1}{\\sqrt{2}}$.'],
    });
    expect(workedAnswer('\\boxed{\\{1, 2\\}}').answer).toBe('\\{1, 2\\}');
  });

  it('leaves other texts as they are', () => {
    expect(workedAnswer(' yes ')).toEqual({ answer: 'yes', steps: null });
    expect(workedAnswer('1,000,000')).toEqual({ answer: '1000000', steps: null });
    expect(workedAnswer('1, 2')).toEqual({ answer: '1, 2', steps: null });
    expect(workedAnswer('a \\boxed{b')).toEqual({ answer: 'a \\boxed{b', steps: null });
  });
});

it('steps are paragraphs where there are some, else lines', () => {
  expect(stepsOf('a\r\nb\r\n')).toEqual(['a', 'b']);
  expect(stepsOf('a\r\nb\r\n\r\nc')).toEqual(['a\r\nb', 'c']);
  expect(stepsOf(' \n')).toBeNull();
});
