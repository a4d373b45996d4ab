import type { RunComparison } from './compare-runs.ts';
import { type Html, html } from './html.ts';
import { amount, percent, points, pointsInterval, pValue } from './numbers.ts';
import type { ReportRun } from './report-run.ts';

/** What stands between two runs besides their answers, in sentences. */
export function comparisonNotes(a: ReportRun, b: ReportRun, found: RunComparison): string[] {
  const alike = found.changes.filter(({ isSame }) => !isSame).map(({ condition }) => condition);
  return [
    ...(found.isSameTask
      ? []
      : ['The runs did not ask the same questions: only those that both asked count.']),
    ...(alike.length > 0 ? [`Same name, other settings: ${alike.join(', ')}.`] : []),
    ...(found.onlyA.length > 0 ? [`Only in ${a.name}: ${found.onlyA.join(', ')}.`] : []),
    ...(found.onlyB.length > 0 ? [`Only in ${b.name}: ${found.onlyB.join(', ')}.`] : []),
  ];
}

export function comparisonSection(a: ReportRun, b: ReportRun, found: RunComparison): Html {
  const { changes, differences } = found;
  return html`<section><p class="soft">A: ${a.name}. B: ${b.name}.</p>
${comparisonNotes(a, b, found).map((note) => html`<p class="note warning">${note}</p>`)}
<div class="scroll"><table><thead><tr><th>condition</th><th>n</th><th>A, right %</th><th>B, right %</th><th>B − A, points</th><th>p</th>
<th>p, Holm</th><th>gained, lost</th><th>A, tokens</th><th>B, tokens</th></tr></thead>
<tbody>${changes.map(
    (
      change,
    ) => html`<tr><td>${change.condition}</td><td>${change.n}</td><td>${percent(change.a)}</td><td>${percent(change.b)}</td>
<td><span class="${change.holm < 0.05 ? (change.difference > 0 ? 'up' : 'down') : ''}">${points(change.difference)}</span><span class="sub">${pointsInterval(change.interval)}</span></td>
<td>${pValue(change.p)}</td><td>${pValue(change.holm)}</td><td>+${change.gained} −${change.lost}</td><td>${amount(change.tokensA)}</td><td>${amount(change.tokensB)}</td></tr>`,
  )}</tbody></table></div>
${
  differences.length === 0
    ? html`<p class="note">Model, engine, task and settings of the two runs are the same.</p>`
    : html`<div class="scroll"><table><thead><tr><th>setting</th><th class="left">A</th><th class="left">B</th></tr></thead>
<tbody>${differences.map(([name, from, to]) => html`<tr><td>${name}</td><td class="left">${from}</td><td class="left">${to}</td></tr>`)}</tbody></table></div>`
}</section>`;
}
