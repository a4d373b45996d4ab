// Shorter answers by a negative coefficient: away from worked solutions. Run: npx tsx examples/scenarios/concise-mode.ts
import {
  buildPairs,
  extractVector,
  gridConditions,
  loadEngine,
  loadQuestions,
  questionItems,
  runSweep,
} from 'kvsteer';
import { printAnswers, printSweep } from './print-sweep.ts';

await using engine = await loadEngine('smollm2-135m-instruct', { precision: 'fp32' });

// People's own worked solutions against their answers alone; other questions are asked.
const train = await loadQuestions('gsm8k-slice:train', { limit: 48 });
const { items } = questionItems(train.questions);
const pairs = buildPairs(items, { tokenizer: engine.tokenizer, count: 24 });
const vector = await extractVector(engine, pairs);

const { questions } = await loadQuestions('gsm8k-slice:test', { limit: 16 });
const sweep = await runSweep(
  engine,
  questions,
  gridConditions(
    {
      vectors: { solutions: vector },
      values: [-4],
      controls: [1],
      prompt: ' Answer with the number only.',
    },
    engine.model,
  ),
  { maxTokens: 128 },
);
printSweep(sweep, 'under 30 words', ({ text }) => text.trim().split(/\s+/).length < 30);
printAnswers(sweep, ['plain', 'c_v -4']);
