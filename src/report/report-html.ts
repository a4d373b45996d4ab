import type { RunConfig } from '../evaluate/run.ts';
import { stabilityCurves } from '../sweep/stability.ts';
import { compareRuns } from './compare-runs.ts';
import { comparisonSection } from './comparison-section.ts';
import { conditionsTable } from './conditions-table.ts';
import { configurationSection } from './configuration.ts';
import { effectHeatMaps, vectorHeatMaps } from './heat-maps.ts';
import { Html, html } from './html.ts';
import { percent } from './numbers.ts';
import { pageStyle } from './page-style.ts';
import { accuracyBars } from './plots/accuracy-bars.ts';
import { heatMapPlot } from './plots/heat-map-plot.ts';
import { stabilityPlot } from './plots/stability-plot.ts';
import { tokenHistograms } from './plots/token-histogram.ts';
import type { ReportRun } from './report-run.ts';
import { samplesSection } from './samples.ts';
import { verdictOf } from './verdict.ts';

/** More would be a page of bars that no one reads; the table has them all. */
const MOST_BARS = 30;
const MOST_HISTOGRAMS = 12;
const MOST_CURVES = 12;
const MOST_HEAT_MAPS = 12;

/** Plots as SVG in the page, no script, nothing from elsewhere: even if a model's text were markup, nothing would run. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'";

/**
 * Runs as one HTML file that needs nothing else: accuracy with intervals, the table with controls and p-values, stability
 * curves, heat maps, token histograms, samples side by side, configuration and hashes. Equal runs give equal pages.
 *
 * @param options.compare also compare the first two runs, condition by condition.
 */
export async function reportHtml(
  runs: readonly ReportRun[],
  { compare = false }: { readonly compare?: boolean } = {},
): Promise<string> {
  const [a, b] = runs;
  const sections: Html[] = [];
  if (compare && a && b) sections.push(comparisonSection(a, b, compareRuns(a, b)));
  for (const [i, run] of runs.entries()) sections.push(await runSection(run, i, runs.length > 1));
  const title = runs.map(({ name }) => name).join(', ');
  return `<!doctype html>\n${
    html`<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<title>kvsteer: ${title}</title>
<style>${new Html(pageStyle)}</style></head>
<body><main>
<h1>${compare ? `${a?.name ?? ''} against ${b?.name ?? ''}` : title}</h1>
${sections}
<footer>Made by kvsteer. Answers are shown as the model wrote them. A gain is a gain only against a prompt baseline and a random
vector of the same norm, on questions that the coefficients were not chosen on.</footer>
</main></body></html>`.text
  }\n`;
}

async function runSection(run: ReportRun, index: number, isOneOfSeveral: boolean): Promise<Html> {
  const { config, summary } = run;
  const { lead, warnings } = verdictOf(run);
  const shown = Object.entries(summary.conditions).slice(0, MOST_BARS);
  const left = Object.keys(summary.conditions).length - shown.length;
  const bars = shown.length === 0 ? null : await accuracyBars(shown, config);
  const parts: [id: string, title: string, content: Html][] = [
    [
      'accuracy',
      'Accuracy',
      html`<div class="scroll">${bars}</div>
<p class="note legend"><i class="c1"></i>cache steering <i class="c2"></i>activation steering <i class="prompt"></i>no edit <i class="control"></i>control: a vector without content</p>
${left > 0 && html`<p class="note">The first ${MOST_BARS} conditions; the table below has all ${MOST_BARS + left}.</p>`}
${conditionsTable(config, summary)}`,
    ],
    ...(await curvesPart(run)),
    ...(await heatMapsPart(run)),
    ...(await tokensPart(run)),
    ...stylesPart(run),
    [
      'samples',
      'Answers side by side',
      html`<p class="note">The baseline and the most accurate of each kind, on questions where they part, and one where they do not.</p>
${samplesSection(run)}`,
    ],
    ['configuration', 'Configuration', configurationSection(run)],
  ];
  return html`<section>
${isOneOfSeveral && html`<h2>${run.name}</h2>`}
<div class="facts">${factsOf(config).map(([name, value]) => html`<span>${name} <b>${value}</b></span>`)}</div>
<p class="lead">${lead}</p>
${warnings.map((warning) => html`<p class="note warning">${warning}</p>`)}
<nav>${parts.map(([id, title]) => html`<a href="#${id}-${index}">${title}</a>`)}</nav>
</section>
${parts.map(([id, title, content]) => html`<h2 id="${id}-${index}">${title}</h2>${content}`)}`;
}

function factsOf({ model, engine, task, maxTokens }: RunConfig): [name: string, value: string][] {
  return [
    ['model', model.name],
    ['precision', engine.precision],
    ['task', task.name],
    ['questions', String(task.questions)],
    ['tokens an answer, at most', String(maxTokens)],
  ];
}

type Part = [id: string, title: string, content: Html];

async function curvesPart({ config, summary }: ReportRun): Promise<Part[]> {
  const curves = stabilityCurves(config, summary);
  if (curves.length === 0) return [];
  const plots = await Promise.all(curves.slice(0, MOST_CURVES).map(stabilityPlot));
  return [
    [
      'stability',
      'Stability',
      html`<p class="note">Accuracy (band: 95 %) and degenerate answers against each coefficient. Dashed: without an edit. Green: usable, that is
neighbours of the most accurate coefficient whose interval reaches its accuracy, with at most 5 points more degenerate answers than without an edit.</p>
<div class="plots">${plots}</div>`,
    ],
  ];
}

async function heatMapsPart({ config, summary, vectors }: ReportRun): Promise<Part[]> {
  const maps = [...effectHeatMaps(config, summary), ...vectors.flatMap(vectorHeatMaps)].slice(
    0,
    MOST_HEAT_MAPS,
  );
  if (maps.length === 0) return [];
  const plots = await Promise.all(maps.map(heatMapPlot));
  return [['layers', 'Layers and KV heads', html`<div class="plots">${plots}</div>`]];
}

async function tokensPart({ config, answers }: ReportRun): Promise<Part[]> {
  const names = Object.keys(config.conditions).slice(0, MOST_HISTOGRAMS);
  const tokensOf = (name: string) =>
    answers.filter(({ condition }) => condition === name).map(({ tokens }) => tokens);
  const lists = names.map((name) => [name, tokensOf(name)] as const).filter(([, list]) => list.length > 0);
  if (lists.length === 0) return [];
  const plots = await tokenHistograms(lists);
  return [
    [
      'tokens',
      'Tokens an answer',
      html`<p class="note">Share of the answers by their length; dashed: the mean. A longer answer costs its tokens, whatever the edit costs.</p>
<div class="plots small">${plots}</div>`,
    ],
  ];
}

function stylesPart({ summary }: ReportRun): Part[] {
  const rows = Object.entries(summary.conditions);
  const styles = [
    ...new Set(rows.flatMap(([, { styles }]) => Object.keys(styles))),
  ] as (keyof (typeof rows)[number][1]['styles'])[];
  if (!rows.some(([, { styles: found }]) => Object.values(found).some(({ count }) => count > 0))) return [];
  return [
    [
      'styles',
      'Styles of reasoning',
      html`<div class="scroll"><table><thead><tr><th>condition</th>${styles.map((style) => html`<th>${style}, %</th>`)}<th>numbered steps, % of answers</th></tr></thead>
<tbody>${rows.map(
        ([name, condition]) =>
          html`<tr><td>${name}</td>${styles.map((style) => html`<td>${percent(condition.styles[style]?.share ?? 0)}</td>`)}<td>${percent(condition.stepped.share)}</td></tr>`,
      )}</tbody></table></div>`,
    ],
  ];
}
