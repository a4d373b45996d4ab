import { describe, expect, it } from 'vitest';
import { wilsonInterval } from '../../evaluate/statistics/wilson.ts';
import { verdict as bundledVerdict, type ConditionName, type MeasuredWithStyle } from './bundled-words.ts';
import { type Dose, verdict as doseVerdict } from './extracting-words.ts';

describe('the verdict on four conditions', () => {
  const judge = (right: Record<ConditionName, number>, n: number) =>
    bundledVerdict(
      Object.fromEntries(
        Object.entries(right).map(([name, count]) => [
          name,
          { accuracy: count / n, interval: wilsonInterval(count, n), tokens: 1, n, answers: [], inStyle: 0 },
        ]),
      ) as unknown as Record<ConditionName, MeasuredWithStyle>,
    );

  it('claims an effect only with a gap between the intervals, and says what the CoT prompt does', () => {
    const found = judge({ plain: 40, steered: 190, random: 42, cot: 192 }, 200);
    expect(found).toEqual({ text: expect.stringMatching(/20\.0 % to 95\.0 %.*does as well/), isGood: true });
    expect(judge({ plain: 40, steered: 150, random: 42, cot: 192 }, 200).text).toContain('does better');
    expect(judge({ plain: 40, steered: 190, random: 42, cot: 60 }, 200).text).toContain('reaches 30.0 %');
  });

  it('says when nothing moved, when too few were asked, and when a random vector does the same', () => {
    expect(judge({ plain: 40, steered: 48, random: 40, cot: 40 }, 200)).toEqual({
      text: 'No clear effect: 20.0 % plain, 24.0 % steered, and the intervals overlap.',
      isGood: false,
    });
    expect(judge({ plain: 1, steered: 3, random: 1, cot: 3 }, 5).text).toMatch(/Ask more of them/);
    const unspecific = judge({ plain: 40, steered: 150, random: 140, cot: 40 }, 200);
    expect([unspecific.isGood, unspecific.text]).toEqual([false, expect.stringContaining('was not')]);
  });
});

describe('the verdict on doses', () => {
  const doses = (plain: number, most: number, random: number): Dose[] => [
    { condition: 'plain', values: 0, steps: plain, n: 12 },
    { condition: 'steered', values: 4, steps: most, n: 12 },
    { condition: 'random', values: 4, steps: random, n: 12 },
  ];

  it('compares the largest with plain and random', () => {
    expect(doseVerdict(doses(0, 12, 0))).toEqual({
      text: expect.stringContaining('0 plain, 12 of 12 at values × 4, 0 with the random vector'),
      isGood: true,
    });
    expect(doseVerdict(doses(0, 12, 12)).isGood).toBe(false);
    expect(doseVerdict(doses(0, 2, 0)).isGood).toBe(false);
  });
});
