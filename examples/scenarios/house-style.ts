// One model, four house styles, chosen per request and decoded in one batch. Run: npx tsx examples/scenarios/house-style.ts
import { readFileSync } from 'node:fs';
import { loadEngine, loadQuestions, loadVector, steer } from 'kvsteer';

await using engine = await loadEngine('tiny', { precision: 'fp32' });
const styles = ['stepwise', 'causal', 'strategy', 'equation'] as const;
const card = JSON.parse(readFileSync('models/tiny/styles.json', 'utf8')) as {
  styles: Record<string, { pattern: string }>;
};

const { questions } = await loadQuestions('models/tiny/problems/heldout.jsonl', { limit: 60 });
// Every request names its own vector; all share each decode step. The files recommend their coefficient.
const vectors = await Promise.all(
  styles.map((style) => loadVector(`models/tiny/vectors/${style}.safetensors`)),
);
const answers = await Promise.all(
  questions.map(async ({ question, answer }, i) => {
    const { text } = await steer(
      engine,
      question,
      { vector: vectors[i % styles.length]! },
      { maxTokens: 160 },
    );
    return { style: styles[i % styles.length]!, text: text.trim(), answer };
  }),
);
for (const style of styles) {
  const own = answers.filter((answer) => answer.style === style);
  const inStyle = own.filter(({ text }) => new RegExp(card.styles[style]!.pattern).test(text)).length;
  const right = own.filter(({ text, answer }) => text.endsWith(`The answer is ${answer}.`)).length;
  console.log(`${style.padEnd(9)} in its style ${inStyle} of ${own.length}, right ${right}`);
  console.log(`  ${own[0]!.text}`);
}
