// Labels for many texts, without an explanation for each. Run: npx tsx examples/scenarios/batch-labelling.ts
import { buildPairs, extractVector, gridConditions, loadEngine, runSweep } from 'kvsteer';
import { printAnswers, printSweep } from './print-sweep.ts';

await using engine = await loadEngine('smollm2-135m-instruct', { precision: 'fp32' });

const ask = (review: string) => `Is this review positive or negative? "${review}"`;
const labelled = [
  ['The soup was cold and the waiter was rude.', 'negative'],
  ['A lovely film, I laughed from start to end.', 'positive'],
  ['It broke after two days and no one answered my mails.', 'negative'],
  ['Great battery, great screen, I would buy it again.', 'positive'],
  ['The room smelled of smoke and the bed was hard.', 'negative'],
  ['Friendly people, quick service, delicious bread.', 'positive'],
  ['Boring, long and badly acted.', 'negative'],
  ['My children love it and so do I.', 'positive'],
  ['The worst shoes that I ever had.', 'negative'],
  ['A wonderful book, warm and clever.', 'positive'],
  ['They charged me twice and lost my order.', 'negative'],
  ['Perfect for small kitchens, easy to clean.', 'positive'],
  ['I want my money back.', 'negative'],
  ['The best coffee in town.', 'positive'],
  ['Noisy, slow and far too expensive.', 'negative'],
  ['Everything worked at once, I am very happy.', 'positive'],
] as const;

// Vectors are made of other texts than those that are labelled.
const items = [
  ['What a terrible hotel.', 'negative'],
  ['I enjoyed every minute.', 'positive'],
  ['The cake was dry and stale.', 'negative'],
  ['A beautiful garden and kind hosts.', 'positive'],
  ['It never arrived.', 'negative'],
  ['Fast, quiet and well made.', 'positive'],
  ['The music was awful.', 'negative'],
  ['We will come back soon.', 'positive'],
].map(([review, label]) => ({
  question: ask(review!),
  styles: {
    label: `The answer is ${label}.`,
    essay: `The review says "${review}". Words like these tell us how the writer felt, and so I would say that the review is ${label}.`,
  },
}));
const pairs = buildPairs(items, {
  tokenizer: engine.tokenizer,
  styles: { positive: 'label', negative: 'essay' },
});
const vector = await extractVector(engine, pairs);

const questions = labelled.map(([review, label], i) => ({
  id: `review-${i}`,
  question: ask(review),
  choices: null,
  answer: label,
  rationale: null,
  source: null,
  licence: null,
}));
const sweep = await runSweep(
  engine,
  questions,
  gridConditions(
    { vectors: { label: vector }, values: [4, 8], controls: [1], prompt: ' Answer with one word.' },
    engine.model,
  ),
  { maxTokens: 48, scorer: 'text' },
);
// The label that an answer names first, whatever follows it.
const labelOf = (text: string) => /positive|negative/i.exec(text)?.[0].toLowerCase();
printSweep(sweep, 'right label first', ({ text, question }) => {
  const [, label] = labelled[Number(question.slice('review-'.length))]!;
  return labelOf(text) === label;
});
printAnswers(sweep, ['plain', 'c_v 4']);
