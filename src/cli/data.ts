import type { Command } from 'commander';
import type { WithoutOverlap } from '../data/overlap.ts';
import type { Question } from '../data/question.ts';
import type { DataReport, QuestionSet } from '../data/question-set.ts';
import { requireFreeOutput } from './free-output.ts';
import { addDataOptions, type DataFlags, dataOptions } from './options/data-options.ts';
import { number } from './options/parse.ts';
import { ProgressBar } from './progress-bar.ts';
import { counted } from './render/quantities.ts';
import { renderFields, renderTable } from './render/table.ts';
import { truncate, wrapText } from './render/wrap.ts';
import { showDownload } from './show-download.ts';
import { type Colors, colorsOf, printJson, printLine, type Terminal, widthOf } from './terminal.ts';

interface DataCommandFlags extends DataFlags {
  readonly limit?: number;
  readonly refresh?: boolean;
  readonly against?: string;
  readonly show: number;
  readonly output?: string;
  readonly overwrite?: boolean;
  readonly json?: boolean;
}

const examples = `
A source is a known set and split (kvsteer data lists them); a .jsonl, .json, .csv, .tsv or .parquet
file; a folder of them (folder:split); a hub data set (owner/name:config/split, owner/name:file.csv,
owner/name@revision:split); or an http(s) address of a file. Downloads are cached.

The usual layouts and field names are known: GSM8K, ARC and CommonsenseQA, PIQA, StrategyQA, MATH,
GPQA; question or problem or prompt, choices, answer, rationale. For others say --map.

Rows that are no question are counted and left out. Rows with the same text are counted and kept.
The same text: the same letters and digits, whatever the case, blanks and punctuation.

-o writes one JSON object a line: id, question, choices (without labels), answer (a letter where
there are choices), rationale (a list of steps), source, license. With --against the rows whose text
is in the other set are left out of it.

Environment:
  KVSTEER_DATA    folder that known sets are looked for in first
  KVSTEER_CACHE, HF_ENDPOINT, HF_TOKEN, HF_HUB_OFFLINE: as for \`kvsteer pull\`

Examples:
  kvsteer data gsm8k-slice:train --show 2
  kvsteer data mine.csv --map question=problem --map answer=solution -o mine.jsonl
  kvsteer data train.jsonl --against gsm8k:test -o clean.jsonl
`;

export function addDataCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command('data')
    .summary('what a question set holds; to JSONL')
    .description(
      'Reads a question set and says what is in it: rows, fields, answers, worked solutions, rows that are malformed or there twice, and overlap with another set. Without a source: lists the known sets.',
    )
    .argument('[source]', 'known set, file, folder, hub data set or address (default: list the known sets)')
    .optionsGroup('Reading:')
    .option(
      '--limit <n>',
      'read the first n questions only (default: all)',
      number({ min: 1, integer: true }),
    );
  addDataOptions(command)
    .option('--refresh', 'fetch anew what is in the cache')
    .option('--against <source>', 'another set, e.g. the test split: count the questions that are in both')
    .optionsGroup('Output:')
    .option('--show <n>', 'print the first n questions', number({ min: 0, max: 1000, integer: true }), 0)
    .option('-o, --output <file>', 'write the questions as JSONL')
    .option('--overwrite', 'replace the output file if it exists')
    .option(
      '--json',
      'print one JSON object instead: name, questions, answers, rationales, report, overlap, shown',
    )
    .addHelpText('after', examples)
    .action((source: string | undefined, flags: DataCommandFlags) => data(source, flags, terminal));
}

async function data(source: string | undefined, flags: DataCommandFlags, terminal: Terminal): Promise<void> {
  if (source === undefined) return listKnown(flags, terminal);
  const { output, overwrite, against, limit, refresh } = flags;
  if (output !== undefined)
    await requireFreeOutput({ output, ...(overwrite !== undefined && { overwrite }) });
  const { stdout, stderr, signal } = terminal;
  const { loadQuestions } = await import('../data/load-questions.ts');
  const { removeOverlap } = await import('../data/overlap.ts');
  using progress = new ProgressBar(stderr);
  const common = { refresh, signal, onProgress: showDownload(progress) };
  const set = await loadQuestions(source, { ...common, ...dataOptions(flags), limit });
  const { dataFolder } = flags;
  // The mapping is of the source; a known set has none, and another file most likely has other fields.
  const other =
    against === undefined ? null : await loadQuestions(against, { ...common, folder: dataFolder });
  const apart = other === null ? null : removeOverlap(set.questions, other.questions);
  const kept = apart?.train ?? set.questions;
  if (output !== undefined) {
    const { saveQuestions } = await import('../data/save-questions.ts');
    await saveQuestions(kept, output, { signal });
  }
  progress.stop();
  const seen: Seen = { set, apart, against, kept };
  if (flags.json) printJson(stdout, jsonOf(seen, flags));
  else draw(seen, flags, stdout);
}

interface Seen {
  readonly set: QuestionSet;
  readonly apart: WithoutOverlap | null;
  readonly against: string | undefined;
  readonly kept: readonly Question[];
}

async function listKnown({ json }: DataCommandFlags, { stdout }: Terminal): Promise<void> {
  const { knownSets } = await import('../data/known-sets.ts');
  const rows = knownSets.flatMap(({ name, description, licence, splits }) =>
    Object.keys(splits).map((split) => ({ name: `${name}:${split}`, description, licence })),
  );
  if (json) {
    printJson(stdout, rows);
    return;
  }
  const colors = colorsOf(stdout);
  const cells = rows.map(({ name, description, licence }) => [colors.bold(name), licence, description]);
  printLine(stdout, renderTable([{ title: 'set' }, { title: 'licence' }, { title: '' }], cells, colors));
}

function jsonOf({ set, apart, kept }: Seen, { show, output }: DataCommandFlags): object {
  const { name, questions, report } = set;
  const rationales = questions.filter(({ rationale }) => rationale !== null).length;
  const overlap = apart === null ? null : apart.overlap.map(({ train, test }) => [train.id, test.id]);
  const written = output === undefined ? null : { path: output, questions: kept.length };
  return {
    name,
    questions: questions.length,
    answers: answerKinds(questions),
    rationales,
    report,
    overlap,
    written,
    shown: questions.slice(0, show),
  };
}

function draw(
  { set, apart, against, kept }: Seen,
  flags: DataCommandFlags,
  stdout: NodeJS.WriteStream,
): void {
  const colors = colorsOf(stdout);
  const width = widthOf(stdout);
  printLine(stdout, `${colors.bold(set.name)}\n`);
  printLine(stdout, renderFields(fieldsOf(set, width), colors));
  findings(set.report, colors, width, stdout);
  if (apart !== null) {
    const { overlap } = apart;
    const text = `${counted(overlap.length, 'question')} of ${set.name} ${overlap.length === 1 ? 'is' : 'are'} in ${against} too`;
    printLine(stdout, `\n${overlap.length === 0 ? colors.green(`✔ ${text}`) : colors.yellow(text)}`);
    for (const { train, test } of overlap.slice(0, 5)) {
      printLine(stdout, colors.dim(truncate(`  ${train.id} = ${test.id}: ${train.question}`, width)));
    }
  }
  for (const question of set.questions.slice(0, flags.show)) {
    printLine(stdout, `\n${shown(question, width, colors)}`);
  }
  if (flags.output === undefined) return;
  const left = set.questions.length - kept.length;
  const without = left > 0 ? `, without the ${left} in ${against}` : '';
  const wrote = `${counted(kept.length, 'question')}${without}`;
  printLine(stdout, `\n${colors.green('✔')} ${colors.bold(flags.output)}  ${colors.dim(wrote)}`);
}

function fieldsOf({ questions, report }: QuestionSet, width: number): [string, string | null][] {
  const line = (text: string) => wrapText(text, width - 12).join('\n');
  const { rows, complete, fields, layouts, files } = report;
  const steps = questions.flatMap(({ rationale }) => (rationale === null ? [] : [rationale.length]));
  const mean = steps.reduce((sum, each) => sum + each, 0) / steps.length;
  const choices = questions.flatMap(({ choices: all }) => (all === null ? [] : [all.length]));
  const most = choices.reduce((a, b) => Math.max(a, b), 0);
  const fewest = choices.reduce((a, b) => Math.min(a, b), most);
  const all = (of: (question: Question) => string | null) =>
    [...new Set(questions.map(of))].filter((text) => text !== null).join('; ');
  return [
    [
      'questions',
      `${questions.length.toLocaleString('en-US')} of ${counted(rows, 'row')}${complete ? '' : ' read; there are more'}`,
    ],
    ['answers', line(countsText(answerKinds(questions)))],
    ['choices', choices.length === 0 ? null : fewest === most ? `${most}` : `${fewest} to ${most}`],
    [
      'worked',
      steps.length === 0
        ? null
        : `${steps.length.toLocaleString('en-US')}, ${mean.toFixed(1)} steps on average`,
    ],
    ['read as', countsText(layouts)],
    ['fields', line(countsText(fields))],
    ['source', line(all(({ source }) => source))],
    ['licence', line(all(({ licence }) => licence))],
    [
      files.length === 1 ? 'file' : 'files',
      files.slice(0, 4).join('\n') + (files.length > 4 ? `\nand ${files.length - 4} more` : ''),
    ],
  ];
}

function findings(
  { malformed, duplicates }: DataReport,
  colors: Colors,
  width: number,
  stdout: NodeJS.WriteStream,
) {
  const say = (text: string) => printLine(stdout, colors.dim(truncate(text, width)));
  if (malformed.count > 0) {
    printLine(stdout, `\n${colors.yellow(`${counted(malformed.count, 'row')} left out: malformed`)}`);
    for (const { line, why } of malformed.first) say(`  line ${line}: ${why}`);
    if (malformed.count > malformed.first.length)
      say(`  and ${malformed.count - malformed.first.length} more`);
  }
  if (duplicates.count > 0) {
    printLine(
      stdout,
      `\n${colors.yellow(`${counted(duplicates.count, 'question')} with a text that was there before`)}`,
    );
    for (const { id, of } of duplicates.first) say(`  ${id} = ${of}`);
    if (duplicates.count > duplicates.first.length)
      say(`  and ${duplicates.count - duplicates.first.length} more`);
  }
}

/** How many answers are of each kind; letters one by one, as a set that is mostly A measures little. */
function answerKinds(questions: readonly Question[]): Record<string, number> {
  const kinds: Record<string, number> = {};
  for (const { answer, choices } of questions) {
    const kind = kindOf(answer, choices !== null);
    kinds[kind] = (kinds[kind] ?? 0) + 1;
  }
  return Object.fromEntries(Object.entries(kinds).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function kindOf(answer: string | null, hasChoices: boolean): string {
  if (answer === null) return 'unknown';
  if (hasChoices || answer === 'yes' || answer === 'no') return answer;
  return /^[-+]?\d+(\.\d+)?$/.test(answer) ? 'number' : 'text';
}

function countsText(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([name, count]) => `${name} ${count.toLocaleString('en-US')}`)
    .join(', ');
}

function shown(
  { id, question, choices, answer, rationale }: Question,
  width: number,
  colors: Colors,
): string {
  const indented = (text: string) => wrapText(text, width - 2).map((line) => `  ${line}`);
  return [
    colors.cyan(id),
    ...indented(question),
    ...(choices ?? []).flatMap((choice, index) => indented(`${String.fromCharCode(65 + index)}. ${choice}`)),
    ...(rationale ?? []).flatMap((step) => indented(`- ${step}`)).map((line) => colors.dim(line)),
    `  ${colors.bold(answer === null ? 'no answer' : `answer: ${answer}`)}`,
  ].join('\n');
}
