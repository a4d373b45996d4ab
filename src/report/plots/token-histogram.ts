import { draw } from '../draw.ts';
import { type Html, html } from '../html.ts';
import { amount } from '../numbers.ts';

const BINS = 24;

/** How long each condition's answers are, all on the same scale. */
export async function tokenHistograms(
  lists: readonly (readonly [name: string, tokens: readonly number[]])[],
): Promise<Html[]> {
  const most = lists.reduce((top, [, tokens]) => tokens.reduce((a, b) => Math.max(a, b), top), 1);
  const width = Math.ceil((most + 1) / BINS);
  const bins = Math.ceil((most + 1) / width);
  const shared = lists.map(([name, tokens]) => ({ name, tokens, shares: sharesOf(tokens, width, bins) }));
  const highest = Math.max(...shared.flatMap(({ shares }) => shares));
  return await Promise.all(
    shared.map(async ({ name, tokens, shares }) => {
      const mean = tokens.reduce((sum, count) => sum + count, 0) / tokens.length;
      const rectangles = shares.map((share, i) => ({ from: i * width, to: (i + 1) * width, share }));
      const svg = await draw(
        ({ rectY, ruleX, ruleY }) => ({
          width: 300,
          height: 130,
          marginLeft: 40,
          marginBottom: 34,
          marginTop: 10,
          x: {
            domain: [0, bins * width],
            ticks: 4,
            label: 'tokens',
            labelAnchor: 'center',
            labelArrow: 'none',
          },
          y: { domain: [0, highest], ticks: 3, label: null, tickFormat: (share: number) => `${share}%` },
          marks: [
            rectY(rectangles, { x1: 'from', x2: 'to', y: 'share', fill: 'var(--c1)', insetRight: 1 }),
            ruleX([mean], { stroke: 'var(--ink)', strokeDasharray: '3,3' }),
            ruleY([0], { stroke: 'var(--line)' }),
          ],
        }),
        `Tokens an answer of ${name}, mean ${amount(mean)}`,
      );
      return html`<figure class="plot"><figcaption><b>${name}</b> <span class="soft">mean ${amount(mean)}</span></figcaption>${svg}</figure>`;
    }),
  );
}

/** Percent of the answers in each bin. */
function sharesOf(tokens: readonly number[], width: number, bins: number): number[] {
  const shares = new Array<number>(bins).fill(0);
  for (const count of tokens) shares[Math.floor(count / width)]! += 100 / tokens.length;
  return shares;
}
