import type { Sweep } from 'kvsteer';

type Answer = Sweep['answers'][number];

/** A line a condition: right answers with their interval, tokens, and a share that the scenario is about. */
export function printSweep(
  { config, summary, answers }: Sweep,
  what: string,
  holds: (answer: Answer) => boolean,
): void {
  console.log(`${config.task.questions} questions, ${config.model.name}, ${config.engine.precision}, greedy`);
  // Free texts have no right answer to compare with word by word; the scenario judges them itself.
  const isScored = config.task.scorer !== 'text';
  const right = isScored ? ' right        95 %' : '';
  console.log(`${'condition'.padEnd(26)}${right}  tokens  ${what}`);
  for (const [name, { accuracy, interval, tokens }] of Object.entries(summary.conditions)) {
    const own = answers.filter(({ condition }) => condition === name);
    const share = own.filter(holds).length / own.length;
    const percent = (value: number) => `${Math.round(100 * value)}`;
    const bounds = `${percent(interval[0])}-${percent(interval[1])}`;
    const scored = isScored ? ` ${percent(accuracy).padStart(3)} %  ${bounds.padStart(8)}` : '';
    console.log(
      `${name.padEnd(26)}${scored}  ${tokens.toFixed(0).padStart(6)}  ${percent(share).padStart(3)} %`,
    );
  }
}

/** One question's answers, a paragraph a condition. */
export function printAnswers({ answers }: Sweep, conditions: readonly string[], question = 0): void {
  const id = [...new Set(answers.map((answer) => answer.question))][question];
  for (const { condition, text } of answers.filter((answer) => answer.question === id)) {
    if (!conditions.includes(condition)) continue;
    console.log(`\n${condition}:\n  ${text.trim().slice(0, 300).replaceAll('\n', '\n  ')}`);
  }
}
