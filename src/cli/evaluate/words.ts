/** What a run says: its tables, and what has to be said beside them. */
import type { Question } from '../../data/question.ts';
import type { ConditionSummary, Counted, RunConfig, RunSummary } from '../../evaluate/run.ts';
import { counted, formatPercent, formatRanges } from '../render/quantities.ts';
import { renderTable } from '../render/table.ts';
import { wrapText } from '../render/wrap.ts';
import type { Colors } from '../terminal.ts';

const right = { align: 'right' } as const;

export function renderRun(
  config: RunConfig,
  summary: RunSummary,
  questions: readonly Question[],
  width: number,
  colors: Colors,
): string {
  const { model, engine, task } = config;
  const title = `${task.name}: ${counted(task.questions, 'question')}, ${model.name} (${engine.precision}), at most ${config.maxTokens} tokens`;
  const notes = notesOf(config, summary, questions);
  return [
    colors.bold(title),
    '',
    accuracyTable(config, summary, colors),
    '',
    behaviourTable(config, summary, colors),
    '',
    ...notes.flatMap((note) => wrapText(note, width).map(colors.dim)),
  ].join('\n');
}

function accuracyTable(config: RunConfig, summary: RunSummary, colors: Colors): string {
  const comparisons = new Map(summary.comparisons.map((one) => [one.condition, one]));
  const rows = Object.entries(summary.conditions).map(([name, condition]) => {
    const comparison = comparisons.get(name);
    const { low, high } = { low: condition.interval[0], high: condition.interval[1] };
    const isSure = comparison !== undefined && comparison.holm < 0.05;
    const difference = comparison === undefined ? '' : signed(comparison.difference * 100);
    return [
      name === config.baseline ? colors.bold(name) : name,
      `${percent(condition.accuracy)} ${colors.dim(`[${percent(low)}, ${percent(high)}]`)}`,
      isSure ? colors.bold(difference) : difference,
      comparison === undefined ? '' : formatP(comparison.holm),
      condition.tokens.toFixed(1),
      share(condition.degenerate),
      share(condition.unfinished),
      time(condition, 'msPerExample'),
      time(condition, 'msPerToken'),
    ];
  });
  const columns = [
    { title: 'condition' },
    { title: 'right % [95 %]', ...right },
    { title: `vs ${config.baseline}`, ...right },
    { title: 'p (Holm)', ...right },
    { title: 'tokens', ...right },
    { title: 'degen.', ...right },
    { title: 'unfin.', ...right },
    { title: 'ms/ex.', ...right },
    { title: 'ms/token', ...right },
  ];
  return renderTable(columns, rows, colors);
}

function behaviourTable(config: RunConfig, summary: RunSummary, colors: Colors): string {
  const plain = summary.conditions[config.baseline]?.sideEffects;
  const rows = Object.entries(summary.conditions).map(([name, condition]) => {
    const { sideEffects, styles } = condition;
    const [style, most] = Object.entries(styles).sort(([, a], [, b]) => b.count - a.count)[0]!;
    return [
      name === config.baseline ? colors.bold(name) : name,
      condition.tokensPerRight?.toFixed(1) ?? '-',
      share(condition.stepped),
      most.count === 0 ? '-' : `${style} ${share(most)}`,
      share(condition.unanswered),
      sideEffects === null || !plain
        ? ''
        : `${signed((sideEffects.perplexity / plain.perplexity - 1) * 100)} %`,
      sideEffects === null ? '' : sideEffects.kl.toFixed(3),
    ];
  });
  const columns = [
    { title: 'condition' },
    { title: 'tokens/right', ...right },
    { title: 'in steps', ...right },
    { title: 'main style', ...right },
    { title: 'no answer', ...right },
    { title: 'perplexity', ...right },
    { title: 'KL', ...right },
  ];
  return renderTable(columns, rows, colors);
}

function notesOf(config: RunConfig, summary: RunSummary, questions: readonly Question[]): string[] {
  const { baseline, task, conditions, tuned } = config;
  const all = Object.entries(summary.conditions);
  const count = (of: (condition: ConditionSummary) => Counted, what: string) => {
    const found = all.filter(([, condition]) => of(condition).count > 0);
    if (found.length === 0) return [];
    return [`${what}: ${found.map(([name, condition]) => `${name} ${of(condition).count}`).join(', ')}.`];
  };
  const edit = Object.values(conditions).flatMap(({ edits }) => edits)[0];
  const solo = all.find(([, condition]) => condition.solo !== null)?.[1].solo;
  const chance = chanceOf(task.scorer, questions);
  return [
    `Greedy unless sampled; the same questions under every condition. Differences in points, paired; p: exact McNemar (sign-flip where sampled), two-sided, Holm over ${counted(summary.comparisons.length, 'comparison')}.`,
    ...(edit === undefined
      ? []
      : [
          `Edit: values × ${edit.values}, keys × ${edit.keys}, layers ${formatRanges(edit.layers)}, the last cached position.`,
        ]),
    ...activationNotes(tuned),
    ...(solo
      ? [
          `Times: ${counted(solo.n, 'question')} a condition, alone in the engine; per example with the prompt, per token without.`,
        ]
      : ['Times: decoding only, shared among all that decoded at once.']),
    ...(all.some(([, condition]) => condition.sideEffects)
      ? [
          `Perplexity against ${baseline}, and KL from the unedited model: unrelated text read after the edit.`,
        ]
      : []),
    ...(chance === null ? [] : [`Guessing would be right on ${formatPercent(chance)}.`]),
    ...floorNotes(summary, baseline, chance),
    ...(task.malformed === 0
      ? []
      : [
          `${counted(task.malformed, 'row')} of the source could not be asked: malformed, or without an answer.`,
        ]),
    ...count((condition) => condition.overflow, 'Prompts that did not fit the context, counted as wrong'),
    ...count((condition) => condition.empty, 'Empty answers'),
    ...count((condition) => condition.forced, 'Choices forced by the second stage'),
  ];
}

function activationNotes(tuned: unknown): string[] {
  const activation = (
    tuned as { activation?: Record<string, { chosen: string; questions: number } | null> } | null
  )?.activation;
  const chosen = Object.entries(activation ?? {}).flatMap(([kind, record]) =>
    record === null ? [] : [`${kind === 'every' ? 'every token' : 'last token'}: ${record.chosen}`],
  );
  const questions = Object.values(activation ?? {}).find((record) => record !== null)?.questions ?? 0;
  return chosen.length === 0
    ? []
    : [`Activation steering, chosen on ${counted(questions, 'other question')}: ${chosen.join('; ')}.`];
}

/** Where a model cannot do a task, no edit is better or worse at it. */
function floorNotes(summary: RunSummary, baseline: string, chance: number | null): string[] {
  const floor = chance ?? FLOOR;
  const atFloor = Object.values(summary.conditions).every(({ interval }) => interval[0] <= floor);
  return atFloor && summary.conditions[baseline]
    ? [
        `Every condition is at the floor (${formatPercent(floor)}): this model cannot do this task, and these accuracies say nothing about steering.`,
      ]
    : [];
}

/** Where there is nothing to guess, a few percent are luck. */
const FLOOR = 0.05;

function chanceOf(scorer: RunConfig['task']['scorer'], questions: readonly Question[]): number | null {
  if (scorer === 'yes-no') return 0.5;
  if (scorer !== 'choice' || questions.length === 0) return null;
  return questions.reduce((sum, { choices }) => sum + 1 / (choices?.length ?? 1), 0) / questions.length;
}

export function formatP(p: number): string {
  if (p < 0.001) return '< 0.001';
  return p.toFixed(3);
}

function time({ solo, ms, msPerToken }: ConditionSummary, which: 'msPerExample' | 'msPerToken'): string {
  const value = solo?.[which] ?? (which === 'msPerExample' ? ms : msPerToken);
  return value === null ? '-' : value.toFixed(which === 'msPerExample' ? 0 : 2);
}

function share({ share: of }: Counted): string {
  return `${(of * 100).toFixed(of > 0 && of < 0.1 ? 1 : 0)} %`;
}

function percent(of: number): string {
  return (of * 100).toFixed(1);
}

function signed(value: number): string {
  return `${value > 0 ? '+' : ''}${value.toFixed(1)}`;
}
