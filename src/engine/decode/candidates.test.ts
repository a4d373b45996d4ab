import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CandidateOptions, selectCandidates } from './candidates.ts';
import transformers from './fixtures/transformers-candidates.json' with { type: 'json' };
import { createRepetitionPenalty } from './repetition-penalty.ts';

const all: CandidateOptions = { temperature: 1, topK: 0, topP: 1, minP: 0 };

function probabilities(scores: Float32Array, options: Partial<CandidateOptions>): Map<number, number> {
  const found = selectCandidates(scores, Math.max(...scores), { ...all, ...options });
  const entries = Array.from(
    { length: found.count },
    (_, i) => [found.ids[i]!, found.weights[i]! / found.total] as const,
  );
  return new Map(entries);
}
const ids = (scores: number[], options: Partial<CandidateOptions>) => [
  ...probabilities(Float32Array.from(scores), options).keys(),
];

/** The same rules by sorting everything. */
function bySorting(scores: Float32Array, options: CandidateOptions): number[] {
  let order = [...scores.keys()].sort((a, b) => scores[b]! - scores[a]! || a - b);
  const largest = scores[order[0]!]!;
  const weight = (id: number) => Math.exp((scores[id]! - largest) / options.temperature);
  if (options.topK > 0 && options.topK < order.length) {
    const kth = scores[order[options.topK - 1]!]!;
    order = order.filter((id) => scores[id]! >= kth);
  }
  const total = order.reduce((sum, id) => sum + weight(id), 0);
  let before = 0;
  if (options.topP < 1) {
    order = order.filter((id) => {
      const kept = before < options.topP * total;
      before += weight(id);
      return kept;
    });
  }
  return order.filter((id) => weight(id) >= options.minP).sort((a, b) => a - b);
}

describe('selectCandidates', () => {
  it.each(transformers.cases)(
    'gives the distribution of transformers for $options',
    ({ options, probabilities: expected }) => {
      const { repetitionPenalty = 1, ...rest } = options as Partial<CandidateOptions> & {
        repetitionPenalty?: number;
      };
      const logits = Float32Array.from(transformers.logits);
      const penalty = createRepetitionPenalty(repetitionPenalty, logits.length, [transformers.seen]);
      const found = probabilities(penalty.apply(logits), rest);
      expect([...found.keys()]).toEqual(Object.keys(expected).map(Number));
      for (const [id, probability] of Object.entries(expected))
        expect(found.get(Number(id))).toBeCloseTo(probability!, 5);
    },
  );

  it('top-k keeps what equals the k-th', () => {
    expect(ids([1, 3, 2, 2, 0], { topK: 2 })).toEqual([1, 2, 3]);
    expect(ids([1, 3, 2, 2, 0], { topK: 1 })).toEqual([1]);
    expect(ids([-0, 0, -1], { topK: 1 })).toEqual([0, 1]);
    expect(ids([1, 3], { topK: 7 })).toEqual([0, 1]);
  });

  it('top-p keeps the token that reaches it, never none, the lower id among equals', () => {
    const halves = [Math.log(0.25), Math.log(0.5), Math.log(0.25)];
    expect(ids(halves, { topP: 0.4 })).toEqual([1]);
    expect(ids(halves, { topP: 0.6 })).toEqual([0, 1]);
    expect(ids(halves, { topP: 0.8 })).toEqual([0, 1, 2]);
    expect(ids([0, 0, 0, 0], { topP: 0.5 })).toEqual([0, 1]);
    expect(ids(halves, { topP: 1e-9 })).toEqual([1]);
  });

  it('top-p counts after top-k', () => {
    // Of the two likeliest, 4/7 and 3/7: the first alone reaches 0.55, which it would not among all four.
    expect(ids([4, 3, 2, 1].map(Math.log), { topP: 0.55 })).toEqual([0, 1]);
    expect(ids([4, 3, 2, 1].map(Math.log), { topK: 2, topP: 0.55 })).toEqual([0]);
  });

  it('min-p is a share of the likeliest', () => {
    expect(ids([8, 4, 2, 1].map(Math.log), { minP: 0.24 })).toEqual([0, 1, 2]);
    expect(ids([8, 8, 2, 1].map(Math.log), { minP: 1 })).toEqual([0, 1]);
  });

  it('temperature applies before top-p and min-p', () => {
    const scores = [8, 4, 2, 1].map(Math.log);
    expect(ids(scores, { minP: 0.2, temperature: 0.5 })).toEqual([0, 1]);
    expect(ids(scores, { topP: 0.7, temperature: 0.5 })).toEqual([0]);
    expect(ids(scores, { topP: 0.7 })).toEqual([0, 1]);
  });

  it('agrees with sorting everything', () => {
    const score = fc.integer({ min: -40, max: 40 }).map((eighths) => eighths / 8);
    fc.assert(
      fc.property(
        fc.array(score, { minLength: 1, maxLength: 60 }),
        fc.record({
          temperature: fc.constantFrom(0.1, 0.7, 1, 1.5, 10),
          topK: fc.nat({ max: 70 }),
          // Odd enough that no sum of weights falls on them.
          topP: fc.constantFrom(0.0137, 0.31731, 0.50311, 0.90173, 0.99917, 1),
          minP: fc.constantFrom(0, 0.00313, 0.10171, 0.5317, 1),
        }),
        (values, options) => {
          const scores = Float32Array.from(values);
          expect([...probabilities(scores, options).keys()]).toEqual(bySorting(scores, options));
        },
      ),
      { numRuns: 500 },
    );
  });
});
