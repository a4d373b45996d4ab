import { expect, it } from 'vitest';
import { chooseSetting } from './choose.ts';
import type { ConditionSummary } from './run.ts';

const setting = (accuracy: number, tokens: number, kl: number | null) =>
  ({ accuracy, tokens, sideEffects: kl === null ? null : { kl, perplexity: 10 } }) as ConditionSummary;
const settings = {
  weak: setting(0.4, 20, 0.01),
  good: setting(0.94, 70, 0.1),
  better: setting(0.96, 90, 0.5),
  broken: setting(0.1, 200, 3),
};
const names = Object.keys(settings);

it.each([
  [{}, 'good', ['good', 'better']],
  [{ tokens: 89 }, 'good', ['good']],
  [{ tokens: 30 }, 'weak', ['weak']],
  [{ kl: 0.05 }, 'weak', ['weak']],
  [{ tokens: 80, kl: 0.2 }, 'good', ['good']],
  [{ tokens: 10 }, null, []],
])('within %j the choice is %s', (budget, chosen, usable) => {
  const choice = chooseSetting(settings, names, budget);
  expect(choice.chosen).toBe(chosen);
  expect(choice.tried.filter((one) => one.usable).map(({ name }) => name)).toEqual(usable);
});

it('takes no setting whose KL is not known, where KL has a budget', () => {
  expect(chooseSetting({ a: setting(1, 1, null) }, ['a'], { kl: 1 }).chosen).toBeNull();
});
