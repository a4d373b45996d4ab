// How many answers begin with "Step" as the value coefficient grows? Run: npx tsx examples/dose-response.ts
import {
  buildPairs,
  extractVector,
  loadEngine,
  loadQuestions,
  randomVector,
  readItemsFile,
  type SteeringPlan,
  steer,
} from 'kvsteer';

await using engine = await loadEngine('smollm2-135m-instruct', { precision: 'fp32' });
const items = await readItemsFile('models/pairs/steps.jsonl');
const pairs = buildPairs(items, { tokenizer: engine.tokenizer, turns: 2 });
const vector = await extractVector(engine, pairs);
const control = randomVector(vector, 1); // same norm per layer, no content

const set = await loadQuestions('gsm8k-slice:test', { limit: 24 });
const questions = set.questions.map(({ question }) => question);

async function stepwise(plan: SteeringPlan | null): Promise<number> {
  const options = { maxTokens: 4, offset: '\n' }; // the offset token with and without a plan: the edit is the only difference
  const answers = await Promise.all(questions.map((question) => steer(engine, question, plan, options)));
  return answers.filter(({ text }) => text.trimStart().startsWith('Step')).length;
}

console.log(
  `answers that begin "Step", of ${questions.length} GSM8K questions (SmolLM2-135M, float32, greedy)`,
);
console.log(`plain            ${await stepwise(null)}`);
for (const values of [1, 2, 4]) console.log(`values ${values}         ${await stepwise({ vector, values })}`);
console.log(`random vector, 4 ${await stepwise({ vector: control, values: 4 })}`);
