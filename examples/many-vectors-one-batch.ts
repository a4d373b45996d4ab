// Different coefficients for every request, decoded together. Run: npx tsx examples/many-vectors-one-batch.ts
import { buildPairs, extractVector, generateSteered, loadEngine, readItemsFile, saveVector } from 'kvsteer';

await using engine = await loadEngine('smollm2-135m-instruct');
const pairs = buildPairs(await readItemsFile('models/pairs/steps.jsonl'), { tokenizer: engine.tokenizer });
const vector = await extractVector(engine, pairs, { recommended: { values: 4, keys: 0, layers: null } });
await saveVector(vector, 'steps.safetensors'); // plain safetensors: `kvsteer inspect steps.safetensors`

// Concurrent generations share each decode step; a steered row costs what a plain one costs.
async function answer(values: number): Promise<string> {
  let text = '';
  for await (const event of generateSteered(
    engine,
    'What is 17 plus 25?',
    { vector, values },
    { maxTokens: 40 },
  )) {
    if (event.type === 'token' || event.type === 'finish') text += event.text;
  }
  return text.replaceAll('\n', ' ');
}

const values = [-4, 0, 2, 4, 6];
const answers = await Promise.all(values.map(answer));
for (const [i, value] of values.entries()) console.log(`values ${String(value).padStart(2)}: ${answers[i]}`);
