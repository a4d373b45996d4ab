// A tutor that shows numbered steps without being told to in the prompt. Run: npx tsx examples/scenarios/step-by-step-tutor.ts
import {
  buildPairs,
  extractVector,
  gridConditions,
  loadEngine,
  loadQuestions,
  readItemsFile,
  runSweep,
} from 'kvsteer';
import { printAnswers, printSweep } from './print-sweep.ts';

await using engine = await loadEngine('smollm2-135m-instruct', { precision: 'fp32' });

// Positive prompts show worked examples that say "Step 1: ... Step 2: ...", negative ones the answers alone.
const items = await readItemsFile('models/pairs/steps.jsonl');
const vector = await extractVector(engine, buildPairs(items, { tokenizer: engine.tokenizer }));

const { questions } = await loadQuestions('gsm8k-slice:test', { limit: 16 });
const sweep = await runSweep(
  engine,
  questions,
  gridConditions(
    { vectors: { steps: vector }, values: [2, 4], controls: [1], prompt: ' Number your steps.' },
    engine.model,
  ),
  { maxTokens: 64 },
);
printSweep(sweep, 'begins "Step"', ({ text }) => /^\s*\**Step 1/.test(text));
printAnswers(sweep, ['plain', 'c_v 4']);
