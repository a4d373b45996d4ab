import type { ConditionSummary, RunConfig, RunSummary } from '../evaluate/run.ts';
import { type Html, html } from './html.ts';
import { amount, percent, percentInterval, points, pointsInterval, pValue } from './numbers.ts';

/** A row a condition, as text, for both forms of the report. */
export interface ConditionRow {
  readonly name: string;
  readonly isBaseline: boolean;
  readonly accuracy: string;
  readonly interval: string;
  /** Against the baseline; null for the baseline itself, and where there is no comparison. */
  readonly difference: { readonly value: number; readonly text: string; readonly interval: string } | null;
  readonly p: string;
  readonly holm: string;
  /** Whether Holm's p is below 0.05. */
  readonly isShown: boolean;
  readonly changed: string;
  readonly tokens: string;
  readonly tokensPerRight: string;
  readonly degenerate: string;
  readonly unfinished: string;
  readonly unanswered: string;
  readonly steps: string;
  readonly msPerToken: string;
  /** Perplexity and KL on unrelated text; null where not measured. */
  readonly sideEffects: { readonly perplexity: string; readonly kl: string } | null;
}

export function conditionRows(config: RunConfig, summary: RunSummary): ConditionRow[] {
  return Object.entries(summary.conditions).map(([name, condition]) => {
    const compared = summary.comparisons.find((one) => one.condition === name);
    return {
      name,
      isBaseline: name === config.baseline,
      accuracy: percent(condition.accuracy),
      interval: percentInterval(condition.interval),
      difference: compared
        ? {
            value: compared.difference,
            text: points(compared.difference),
            interval: pointsInterval(compared.interval),
          }
        : null,
      p: compared ? pValue(compared.p) : '',
      holm: compared ? pValue(compared.holm) : '',
      isShown: compared !== undefined && compared.holm < 0.05,
      changed: compared ? `+${compared.gained} −${compared.lost}` : '',
      tokens: amount(condition.tokens),
      tokensPerRight: amount(condition.tokensPerRight),
      degenerate: percent(condition.degenerate.share),
      unfinished: percent(condition.unfinished.share),
      unanswered: percent(condition.unanswered.share),
      steps: amount(condition.steps),
      msPerToken: msPerToken(condition),
      sideEffects: condition.sideEffects && {
        perplexity: amount(condition.sideEffects.perplexity),
        kl: amount(condition.sideEffects.kl),
      },
    };
  });
}

function msPerToken({ solo, msPerToken: shared }: ConditionSummary): string {
  return solo === null ? amount(shared) : amount(solo.msPerToken);
}

export function conditionsTable(config: RunConfig, summary: RunSummary): Html {
  const rows = conditionRows(config, summary);
  const hasSideEffects = rows.some(({ sideEffects }) => sideEffects !== null);
  const isSolo = Object.values(summary.conditions).some(({ solo }) => solo !== null);
  return html`<div class="scroll"><table>
<thead><tr><th>condition</th><th>right, %</th><th>against ${config.baseline}, points</th><th>p</th><th>p, Holm</th>
<th>gained, lost</th><th>tokens</th><th>tokens a right answer</th><th>degen&shy;erate, %</th><th>unfin&shy;ished, %</th>
<th>no answer, %</th><th>steps</th><th>ms a token</th>${hasSideEffects && html`<th>unrelated text, perplexity</th><th>KL, nats</th>`}</tr></thead>
<tbody>${rows.map(
    (row) => html`<tr class="${row.isBaseline ? 'baseline' : ''}"><td>${row.name}</td>
<td>${row.accuracy}<span class="sub">${row.interval}</span></td>
<td>${row.difference && html`<span class="${row.isShown ? (row.difference.value > 0 ? 'up' : 'down') : ''}">${row.difference.text}</span><span class="sub">${row.difference.interval}</span>`}</td>
<td>${row.p}</td><td>${row.holm}</td><td>${row.changed}</td><td>${row.tokens}</td><td>${row.tokensPerRight}</td>
<td>${row.degenerate}</td><td>${row.unfinished}</td><td>${row.unanswered}</td><td>${row.steps}</td><td>${row.msPerToken}</td>${hasSideEffects && html`<td>${row.sideEffects?.perplexity ?? ''}</td><td>${row.sideEffects?.kl ?? ''}</td>`}</tr>`,
  )}</tbody></table></div>
<p class="note">Brackets: 95 % intervals (Wilson; bootstrap over questions for differences). p: two-sided, on the same questions; Holm:
corrected over all comparisons of the run; coloured where below 0.05. Time: ${
    isSolo ? 'alone in the engine' : 'share of the decoding time, all conditions decoded together'
  }.</p>`;
}
