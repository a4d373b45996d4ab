import { describe, expect, it } from 'vitest';
import { Bm25Index, bm25Terms } from './bm25.ts';

const texts = [
  'Tom buys 6 muffins at 3 dollars each',
  'A train travels 60 miles in 2 hours',
  'How far does the train go in 5 hours at that speed the train the train',
  'Muffins and muffins: 6 dollars',
  '',
];

describe('Bm25Index', () => {
  it('scores as bm25s does (Python, 0.3, method "lucene", k1 1.2, b 0.75)', () => {
    const index = new Bm25Index(texts);
    const near = (query: string, expected: readonly number[]) => {
      for (const [i, score] of index.scores(query).entries()) expect(score).toBeCloseTo(expected[i]!, 6);
    };
    near(
      '6 muffins for the train',
      [0.7703291773796082, 0.3851645886898041, 1.2934348583221436, 1.0609031915664673, 0],
    );
    near('hours hours train', [0, 0.7703291773796082, 0.7703658938407898, 0, 0]);
  });

  it('scores one term as by hand', () => {
    // Two texts of two terms each: idf ln(1 + 1.5 / 1.5) = ln 2; both at the mean length: tf / (tf + 1.2).
    const [one, other] = new Bm25Index(['b b', 'c d']).scores('b');
    expect(one).toBeCloseTo((Math.log(2) * 2) / 3.2, 12);
    expect(other).toBe(0);
  });

  it('takes nothing, and terms it has not seen', () => {
    expect([...new Bm25Index([]).scores('a')]).toEqual([]);
    expect([...new Bm25Index(['', '?!']).scores('a')]).toEqual([0, 0]);
  });
});

describe('bm25Terms', () => {
  it('are letters and digits of any script, in one case and form', () => {
    expect(bm25Terms("Tom's $18.00 ÉTÉ ﬁne 東京_x")).toEqual([
      'tom',
      's',
      '18',
      '00',
      'été',
      'fine',
      '東京',
      'x',
    ]);
  });
});
