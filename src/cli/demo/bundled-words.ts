/** What the demo of the bundled model says about its figures. */
import type { ConditionSummary } from '../../evaluate/run.ts';
import { renderBar } from '../render/bar.ts';
import { formatPercent } from '../render/quantities.ts';
import { renderTable } from '../render/table.ts';
import { type Style, shortPath, vectorFile } from './bundled-files.ts';
import type { Page } from './page.ts';

export type ConditionName = 'plain' | 'steered' | 'random' | 'cot';
export interface MeasuredWithStyle extends Pick<ConditionSummary, 'accuracy' | 'interval' | 'tokens' | 'n'> {
  /** Share of the answers that are written in the vector's style. */
  readonly inStyle: number;
}
type All = Readonly<Record<ConditionName, MeasuredWithStyle>>;

const names: Readonly<Record<ConditionName, string>> = {
  plain: 'plain',
  steered: 'steered',
  random: 'random vector',
  cot: 'CoT prompt',
};
/** Columns of the table beside the bar, and between. */
const OTHER_COLUMNS = 65;

export function measuredTable(measured: All, style: Style, { width, colors }: Page): string {
  const bar = Math.max(6, Math.min(24, width - OTHER_COLUMNS));
  const rows = (Object.keys(names) as ConditionName[]).map((name) => {
    const { accuracy, interval, tokens, inStyle, n } = measured[name];
    const label = name === 'steered' ? colors.bold(names[name]) : names[name];
    return [
      label,
      renderBar(accuracy, bar, colors),
      colors.bold(formatPercent(accuracy)),
      interval.map((share) => (share * 100).toFixed(1)).join(' to '),
      tokens.toFixed(1),
      formatPercent(inStyle),
      `${n}`,
    ];
  });
  const right = { align: 'right' } as const;
  const columns = [
    { title: '' },
    { title: '' },
    { title: 'right', ...right },
    { title: '95 % interval', ...right },
    { title: 'tokens', ...right },
    { title: style, ...right },
    { title: 'n', ...right },
  ];
  return renderTable(columns, rows, colors);
}

/** Compares intervals, which is stricter than a test of the difference: without a gap between them it claims nothing. */
export function verdict(measured: All): { readonly text: string; readonly isGood: boolean } {
  const { plain, steered, random, cot } = measured;
  const share = ({ accuracy }: MeasuredWithStyle) => formatPercent(accuracy);
  const isAbove = (a: MeasuredWithStyle, b: MeasuredWithStyle) => a.interval[0] > b.interval[1];
  if (!isAbove(steered, plain)) {
    const few = steered.n < 50 ? ' Ask more of them.' : '';
    return {
      text: `No clear effect: ${share(plain)} plain, ${share(steered)} steered, and the intervals overlap.${few}`,
      isGood: false,
    };
  }
  if (!isAbove(steered, random)) {
    return {
      text: `Steering moved the accuracy from ${share(plain)} to ${share(steered)}, but a random vector reached ${share(random)}: it was not the vector's content.`,
      isGood: false,
    };
  }
  const against = isAbove(cot, steered)
    ? `The CoT prompt does better: ${share(cot)}.`
    : isAbove(steered, cot)
      ? `The CoT prompt reaches ${share(cot)}.`
      : `The CoT prompt does as well (${share(cot)}): steering is another way to the same place.`;
  return {
    text: `One edit took the model from ${share(plain)} to ${share(steered)}. A random vector of the same norm stays at ${share(random)}, so the vector's content did it. ${against}`,
    isGood: true,
  };
}

export function closingWords(page: Page, { plain, steered }: All): void {
  page.heading('What you saw');
  page.paragraph(
    'The weights stayed as they are, and no word was added to the prompt. The vector is a mean difference: what the model keeps in its cache after examples in one style, less what it keeps after examples that only answer. Added once, it tells the model how to answer, not what.',
  );
  page.heading('What it does not prove');
  page.paragraph(
    'tiny was made to be steerable: in its training the style of an answer had to pass through the very position that is edited here. So it shows the mechanism, and is no evidence that ordinary models can be steered; published gains are a few points, and on some models there are none.',
  );
  if (steered.tokens > plain.tokens) {
    page.paragraph(
      `And the edit is free, but words are not: ${plain.tokens.toFixed(1)} tokens an answer became ${steered.tokens.toFixed(1)}.`,
    );
  }
}

export function nextSteps(page: Page, style: Style): void {
  const other: Style = style === 'causal' ? 'equation' : 'causal';
  const steps: readonly (readonly [what: string, command: string])[] = [
    ['another style, by another vector', `kvsteer demo --style ${other}`],
    ['a real model (downloads 98 MB once)', 'kvsteer demo --model smollm2-135m-instruct'],
    ['what a vector holds', `kvsteer inspect ${shortPath(vectorFile(style))}`],
    ['a vector of your own for a real model', 'kvsteer extract --data steps -o steps.safetensors'],
  ];
  page.heading('Where to go next');
  for (const [what, command] of steps) {
    page.block(`${page.colors.cyan(command)}\n${page.colors.dim(`  ${what}`)}`);
  }
}
