import { stabilityCurves } from '../sweep/stability.ts';
import { compareRuns } from './compare-runs.ts';
import { comparisonNotes } from './comparison-section.ts';
import { conditionRows } from './conditions-table.ts';
import { configurationFields, describeCondition } from './configuration.ts';
import { amount, percent, points, pointsInterval, pValue } from './numbers.ts';
import type { ReportRun } from './report-run.ts';
import { usableText } from './usable-text.ts';
import { verdictOf } from './verdict.ts';

/**
 * The tables of {@link reportHtml} as Markdown: conditions, usable ranges, configuration and hashes. What files say is
 * escaped: a condition's name can be no markup.
 */
export function reportMarkdown(
  runs: readonly ReportRun[],
  { compare = false }: { readonly compare?: boolean } = {},
): string {
  const [a, b] = runs;
  const parts = compare && a && b ? [comparison(a, b)] : [];
  return `${[...parts, ...runs.map(runMarkdown)].join('\n\n')}\n`;
}

function runMarkdown(run: ReportRun): string {
  const { config, summary, name } = run;
  const { lead, warnings } = verdictOf(run);
  const conditions = table(
    [
      'condition',
      'right, %',
      `against ${config.baseline}, points`,
      'p',
      'p, Holm',
      'tokens',
      'degenerate, %',
      'unfinished, %',
      'ms a token',
    ],
    conditionRows(config, summary).map((row) => [
      row.name,
      `${row.accuracy} ${row.interval}`,
      row.difference === null ? '' : `${row.difference.text} ${row.difference.interval}`,
      row.p,
      row.holm,
      row.tokens,
      row.degenerate,
      row.unfinished,
      row.msPerToken,
    ]),
  );
  const curves = stabilityCurves(config, summary);
  const stability =
    curves.length === 0
      ? []
      : [
          '## Stability',
          curves
            .map(
              (curve) =>
                `- ${escapeMarkdown(`${curve.method} steering (${curve.label}): ${usableText(curve)}`)}`,
            )
            .join('\n'),
        ];
  const fields = [
    ...configurationFields(run),
    ...Object.entries(config.conditions).map(
      ([condition, one]) => [`condition ${condition}`, describeCondition(one)] as [string, string],
    ),
  ];
  return [
    `# ${escapeMarkdown(name)}`,
    escapeMarkdown(lead),
    ...warnings.map((warning) => `> ${escapeMarkdown(warning)}`),
    conditions,
    '95 % intervals: Wilson; bootstrap over questions for differences. p two-sided, on the same questions; Holm-corrected over the run.',
    ...stability,
    '## Configuration',
    table(['', ''], fields),
  ].join('\n\n');
}

function comparison(a: ReportRun, b: ReportRun): string {
  const found = compareRuns(a, b);
  return [
    `# ${escapeMarkdown(`${a.name} (A) against ${b.name} (B)`)}`,
    ...comparisonNotes(a, b, found).map((note) => `> ${escapeMarkdown(note)}`),
    table(
      ['condition', 'n', 'A, %', 'B, %', 'B − A, points', 'p', 'p, Holm', 'A, tokens', 'B, tokens'],
      found.changes.map((change) => [
        change.condition,
        String(change.n),
        percent(change.a),
        percent(change.b),
        `${points(change.difference)} ${pointsInterval(change.interval)}`,
        pValue(change.p),
        pValue(change.holm),
        amount(change.tokensA),
        amount(change.tokensB),
      ]),
    ),
    ...(found.differences.length > 0 ? [table(['setting', 'A', 'B'], found.differences)] : []),
  ].join('\n\n');
}

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map(escapeMarkdown).join(' | ')} |`;
  return [line(heads), `|${' --- |'.repeat(heads.length)}`, ...rows.map(line)].join('\n');
}

/** One line, without markup, links, HTML or cell borders of its own. */
export function escapeMarkdown(text: string): string {
  return text
    .replace(/\s+/g, ' ')
    .replaceAll('&', '&amp;')
    .replace(/[\\`*_|~]|<(?! )|\](?=[([])|^[#>+-]/g, (character) => `\\${character}`);
}
