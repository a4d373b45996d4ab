/** What the demo of a model that brings no vectors says about its figures. */
import { wilsonInterval } from '../../evaluate/statistics/wilson.ts';
import { DEFAULT_MODEL } from '../options/defaults.ts';
import { renderBar } from '../render/bar.ts';
import { shellWord } from '../render/quantities.ts';
import { renderTable } from '../render/table.ts';
import type { Page } from './page.ts';

export interface Dose {
  readonly condition: 'plain' | 'steered' | 'random';
  /** Coefficient of the values. */
  readonly values: number;
  /** Answers that begin with "Step". */
  readonly steps: number;
  /** Answers. */
  readonly n: number;
}

export function doseTable(doses: readonly Dose[], { width, colors }: Page): string {
  const bar = Math.max(8, Math.min(48, width - 32));
  const rows = doses.map(({ condition, values, steps, n }) => {
    const label =
      condition === 'plain' ? 'plain' : `${condition === 'random' ? 'random vector' : 'values'} × ${values}`;
    return [label, renderBar(steps / n, bar, colors), `${colors.bold(`${steps}`)} of ${n}`];
  });
  return renderTable([{ title: '' }, { title: '' }, { title: 'Step', align: 'right' }], rows, colors).replace(
    /^.*\n/,
    '',
  );
}

/** Compares the largest dose with plain and with the random vector, by their intervals. */
export function verdict(doses: readonly Dose[]): { readonly text: string; readonly isGood: boolean } {
  const plain = doses.find(({ condition }) => condition === 'plain')!;
  const random = doses.find(({ condition }) => condition === 'random')!;
  const most = doses.findLast(({ condition }) => condition === 'steered')!;
  const interval = ({ steps, n }: Dose) => wilsonInterval(steps, n);
  const figures = `${plain.steps} plain, ${most.steps} of ${most.n} at values × ${most.values}, ${random.steps} with the random vector`;
  const isAbove = (other: Dose) => interval(most)[0] > interval(other)[1];
  if (isAbove(plain) && isAbove(random)) {
    return {
      text: `The more of the vector, the more answers in steps: ${figures}. It is the vector's content that does it.`,
      isGood: true,
    };
  }
  return { text: `No clear effect on the form of the answers: ${figures}.`, isGood: false };
}

export function closingWords(page: Page, model: string): void {
  page.heading('What this shows, and what it does not');
  page.paragraph(
    model === DEFAULT_MODEL
      ? 'It shows structure and length, not accuracy. The form of the examples came over, the arithmetic stays wrong: a model of 135 million parameters is at the floor of GSM8K (2.5 % right) whatever is done to it.'
      : 'It shows structure and length, not accuracy. The form of the examples came over; whether more of the answers are right is another question, which takes a few hundred problems, the CoT prompt beside it, and a random vector.',
  );
  page.paragraph(
    'Steered answers are often longer. The edit costs nothing per token; each word more costs what a word costs.',
  );
}

export function nextSteps(
  page: Page,
  { model, precision }: { readonly model: string; readonly precision: string },
): void {
  const flags = [
    ...(model === DEFAULT_MODEL ? [] : [`--model ${shellWord(model)}`]),
    ...(precision === 'q4' ? [] : [`--precision ${precision}`]),
  ].map((flag) => ` ${flag}`);
  page.heading('Where to go next');
  const commands = [
    `kvsteer extract --data steps${flags.join('')} -o steps.safetensors`,
    'kvsteer inspect steps.safetensors',
    `kvsteer compare --vector steps.safetensors --values 1,2,4${flags.join('')} "How can I sleep better?"`,
  ];
  for (const command of commands) page.block(page.colors.cyan(command));
}
