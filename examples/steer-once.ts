// Extract a vector from 16 pairs, add it once to the KV cache, and compare. Run: npx tsx examples/steer-once.ts
import { buildPairs, extractVector, generate, loadEngine, readItemsFile, steer } from 'kvsteer';

await using engine = await loadEngine('smollm2-135m-instruct');

// Positive prompts show examples that reason "Step 1: ...", negative ones the same examples with the answer only.
const items = await readItemsFile('models/pairs/steps.jsonl');
const pairs = buildPairs(items, { tokenizer: engine.tokenizer, turns: 2 });
const vector = await extractVector(engine, pairs); // keys and values [L, H, D]

const question = 'A farmer has 12 cows and buys 8 more. Then he sells 5. How many cows does he have?';
const plain = await generate(engine, question, { maxTokens: 80 });
const steered = await steer(engine, question, { vector, values: 4 }, { maxTokens: 80 });

console.log(`plain:\n${plain.text}\n`);
console.log(
  `steered, one edit at position ${steered.editedPosition} in ${steered.timings.editMs.toFixed(2)} ms:\n${steered.text}`,
);
