import { randomUUID } from 'node:crypto';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import type { Command } from 'commander';
import { InvalidArgumentError } from '../errors.ts';
import { readVector } from './read-vector.ts';
import { counted } from './render/quantities.ts';
import { renderTable } from './render/table.ts';
import { colorsOf, printJson, printLine, type Terminal } from './terminal.ts';

interface ReportFlags {
  readonly output?: string;
  readonly markdown?: boolean;
  readonly compare?: boolean;
  readonly vector?: readonly string[];
  readonly duckdb?: string;
  readonly sql?: string;
  readonly json?: boolean;
}

const examples = `
The HTML file needs nothing else: no network, no scripts; it follows light and dark, and prints. Answers of models are shown
as text, whatever they hold. Runs that are not finished are reported as far as they are.

With --duckdb the runs are put into a DuckDB file (npm install @duckdb/node-api), each once; tables:
  runs(run, name, task, model, precision, config)       config: JSON
  conditions(run, condition, config)                    config: JSON
  answers(run, question, condition, draw, status, text, answer, "right", tokens, ...)

Examples:
  kvsteer report runs/steps -o steps.html
  kvsteer report runs/steps --markdown
  kvsteer report --compare runs/monday runs/tuesday -o compared.html
  kvsteer report --duckdb runs.duckdb runs/*
  kvsteer report --duckdb runs.duckdb --sql 'select condition, avg("right"::int) from answers group by all'
`;

export function addReportCommand(program: Command, terminal: Terminal): void {
  program
    .command('report')
    .summary('runs as one HTML file, as Markdown, or in DuckDB')
    .description(
      'Makes of finished and unfinished runs one page: accuracy with intervals, the table with controls and p-values, stability curves, heat maps, token histograms, answers side by side, configuration and hashes.',
    )
    .argument('[runs...]', 'folders of runs, as eval and sweep write them')
    .option('-o, --output <file>', 'file to write (default: report.html; with --markdown: stdout)')
    .option('--markdown', 'Markdown instead of HTML')
    .option('--compare', 'compare two runs, condition by condition, on the questions that both asked')
    .option(
      '-v, --vector <file>',
      'show the norms of this vector by layer and head as well; give it again for several',
      (file: string, before: readonly string[] | undefined) => [...(before ?? []), file],
    )
    .option('--duckdb <file>', 'put the runs into this DuckDB file instead')
    .option('--sql <query>', 'with --duckdb: then print what this query finds')
    .option('--json', 'with --sql: print rows as JSON')
    .addHelpText('after', examples)
    .action((runs: readonly string[], flags: ReportFlags) => report(runs, flags, terminal));
}

async function report(folders: readonly string[], flags: ReportFlags, terminal: Terminal): Promise<void> {
  const { stdout } = terminal;
  const { compare = false, markdown = false, output, vector = [], duckdb, sql } = flags;
  if (sql !== undefined && duckdb === undefined) {
    throw new InvalidArgumentError('sql', '--sql asks a DuckDB file: give it with --duckdb.');
  }
  if (folders.length === 0 && sql === undefined) {
    throw new InvalidArgumentError(
      'runs',
      'Give the folder of at least one run, e.g. kvsteer report runs/steps.',
    );
  }
  if (compare && folders.length !== 2) {
    throw new InvalidArgumentError('compare', `--compare takes two runs; ${folders.length} were given.`);
  }
  const { readReportRun } = await import('../report/read-report-run.ts');
  const runs = await Promise.all(folders.map(readReportRun));
  if (duckdb !== undefined) {
    await intoDuckDb(duckdb, runs, flags, terminal);
    return;
  }
  const vectors = await Promise.all(
    vector.map(async (path) => ({
      name: basename(path).replace(/\.safetensors$/, ''),
      vector: await readVector(path),
    })),
  );
  const shown = runs.map((run) => ({ ...run, vectors: [...run.vectors, ...vectors] }));
  if (markdown) {
    const { reportMarkdown } = await import('../report/report-markdown.ts');
    const text = reportMarkdown(shown, { compare });
    if (output === undefined) stdout.write(text);
    else await writeBeside(output, text);
  } else {
    const { reportHtml } = await import('../report/report-html.ts');
    await writeBeside(output ?? 'report.html', await reportHtml(shown, { compare }));
  }
  if (markdown && output === undefined) return;
  printLine(stdout, `${colorsOf(stdout).green('✔')} ${output ?? 'report.html'}`);
}

async function intoDuckDb(
  path: string,
  runs: Awaited<ReturnType<typeof import('../report/read-report-run.ts').readReportRun>>[],
  { sql, json }: ReportFlags,
  { stdout }: Terminal,
): Promise<void> {
  const { RunDatabase } = await import('../report/run-database.ts');
  await using database = await RunDatabase.open(path);
  const colors = colorsOf(stdout);
  for (const run of runs) {
    const added = await database.add(run);
    if (sql === undefined) {
      printLine(stdout, `${colors.green('✔')} ${run.name}: ${counted(added, 'answer')} added to ${path}`);
    }
  }
  if (sql === undefined) return;
  const { columns, rows } = await database.query(sql);
  if (json) {
    printJson(
      stdout,
      rows.map((row) => Object.fromEntries(columns.map((column, i) => [column, row[i]]))),
    );
    return;
  }
  const cells = rows.map((row) => row.map((cell) => (cell === null ? '' : String(cell))));
  printLine(
    stdout,
    renderTable(
      columns.map((title) => ({ title })),
      cells,
      colors,
    ),
  );
}

/** Written beside and renamed: an old report is there until the new one is whole. */
async function writeBeside(path: string, text: string): Promise<void> {
  const beside = `${path}.${randomUUID()}.tmp`;
  await mkdir(dirname(path), { recursive: true });
  await writeFile(beside, text);
  await rename(beside, path);
}
