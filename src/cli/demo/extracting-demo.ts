/** Any model: a vector from the shipped questions, answers plain and steered, then dose and response. */
import type { Engine } from '../../engine/engine.ts';
import { InvalidArgumentError } from '../../errors.ts';
import type { SteeringPlan } from '../../steer/plan.ts';
import type { SteerResult } from '../../steer/steer.ts';
import type { SteeringVector } from '../../vectors/vector.ts';
import { answerJson, answerNotes } from '../answer.ts';
import type { DemoFlags } from '../demo.ts';
import { openEngine } from '../open-engine.ts';
import { DEFAULT_OFFSET } from '../options/defaults.ts';
import type { ProgressBar } from '../progress-bar.ts';
import { renderColumns } from '../render/columns.ts';
import { counted, formatMilliseconds } from '../render/quantities.ts';
import { shippedFile } from '../shipped-file.ts';
import { printJson, type Terminal } from '../terminal.ts';
import { editedToken, editFacts, editFields } from './edit-facts.ts';
import { closingWords, type Dose, doseTable, nextSteps, verdict } from './extracting-words.ts';
import type { Page } from './page.ts';

const DEFAULT_PROBLEMS = 12;
/** What most published settings begin at, and where "Step" is nearly sure with SmolLM2-135M. */
const VALUES = 4;
const DOSES = [0, 1, 2, 4];
const RANDOM_SEED = 1;
const ANSWER_TOKENS = 72;
/** Enough to begin an answer. */
const OPENING_TOKENS = 4;
const QUESTIONS = [
  'A train travels 60 miles in 2 hours. How far does it go in 5 hours?',
  'How do I make a good cup of tea?',
];

interface Setting {
  readonly engine: Engine;
  readonly page: Page;
  readonly progress: ProgressBar;
  readonly signal: AbortSignal;
}

export async function extractingDemo(
  flags: DemoFlags,
  terminal: Terminal,
  page: Page,
  progress: ProgressBar,
): Promise<void> {
  const { signal, stdout } = terminal;
  const most = flags.problems ?? DEFAULT_PROBLEMS;
  const { loadQuestions } = await import('../../data/load-questions.ts');
  const slice = shippedFile('data', 'gsm8k_slice_test.jsonl');
  const { questions: problems } = await loadQuestions(slice, { limit: most, signal });
  if (problems.length < most) {
    throw new InvalidArgumentError('problems', `--problems: there are ${problems.length} for this model.`);
  }
  await using engine = await openEngine(flags, terminal, progress);
  const { layers, kvHeads, headDim, name } = engine.model;
  const setting = { engine, page, progress, signal };
  page.title(`kvsteer demo: ${name}, plain and steered`);
  page.fields([
    [
      'model',
      `${layers} layers × ${kvHeads} KV heads × head_dim ${headDim}, ${engine.capabilities.precision}, on this CPU`,
    ],
  ]);

  const { vector, ...extraction } = await extract(setting);
  const examples = await sideBySide(setting, vector);
  const doses = await doseResponse(
    setting,
    vector,
    problems.map(({ question }) => question),
  );
  closingWords(page, name);
  nextSteps(page, flags);
  if (!flags.json) return;
  printJson(stdout, {
    model: name,
    precision: engine.capabilities.precision,
    coefficients: { values: VALUES, keys: 0 },
    offsetToken: examples[0]?.steered.offsetToken ?? null,
    extraction,
    examples: examples.map(({ question, plain, steered }) => ({
      question,
      plain: answerJson(plain, undefined),
      steered: answerJson(steered, 'extracted here'),
    })),
    doseResponse: doses,
  });
}

async function extract({ engine, page, progress, signal }: Setting) {
  const { readPairsFile } = await import('../../pairs/read-pairs-file.ts');
  const { extractVector } = await import('../../vectors/extract-vector.ts');
  const { tokenizer } = engine;
  const pairs = await readPairsFile(shippedFile('pairs', 'steps.jsonl'), { tokenizer, signal });
  page.heading(`A vector from ${pairs.length} contrastive pairs`);
  page.paragraph(
    'Each pair asks one question twice: after examples that work in steps ("Step 1: ... Step 2: ..."), and after the same examples with their answers alone. The vector is the mean difference of the keys and values at the last token.',
  );
  const started = performance.now();
  const phase = 'extracting pairs';
  let tokens = 0;
  progress.update({ phase, done: 0, total: pairs.length, unit: 'count' });
  const vector = await extractVector(engine, pairs, {
    signal,
    onProgress: ({ done, total, tokens: read }) => {
      tokens = read;
      progress.update({ phase, done, total, unit: 'count' });
    },
  });
  progress.stop();
  const milliseconds = performance.now() - started;
  page.paragraph(
    `${counted(tokens, 'token')} read in ${formatMilliseconds(milliseconds)}. Nothing was trained.`,
    page.colors.dim,
  );
  return { vector, pairs: pairs.length, tokens, milliseconds };
}

interface Example {
  readonly question: string;
  readonly plain: SteerResult;
  readonly steered: SteerResult;
}

async function sideBySide(
  { engine, page, progress, signal }: Setting,
  vector: SteeringVector,
): Promise<Example[]> {
  const { steer } = await import('../../steer/steer.ts');
  const { colors } = page;
  const options = { offset: DEFAULT_OFFSET, maxTokens: ANSWER_TOKENS, signal };
  page.heading('The same question, plain and steered');
  progress.update({ phase: 'answering', done: 0, total: QUESTIONS.length, unit: 'count' });
  const examples: Example[] = [];
  for (const question of QUESTIONS) {
    // One after the other: side by side they would share decode steps, and their times would say nothing.
    const plain = await steer(engine, question, null, options);
    const steered = await steer(engine, question, { vector, values: VALUES }, options);
    examples.push({ question, plain, steered });
    progress.update({ phase: 'answering', done: examples.length, total: QUESTIONS.length, unit: 'count' });
  }
  progress.stop();
  for (const [index, { question, plain, steered }] of examples.entries()) {
    if (index > 0) page.blank();
    page.paragraph(question, colors.cyan);
    const columns = [
      { title: 'plain', text: ending(plain), notes: answerNotes(plain).slice(0, 2) },
      {
        title: `steered, values × ${VALUES}`,
        text: ending(steered),
        notes: answerNotes(steered).slice(0, 2),
      },
    ];
    page.blank();
    page.block(renderColumns(columns, page.width, colors));
  }
  page.blank();
  const { question, steered } = examples.at(-1)!;
  page.paragraph(`The one edit of the last answer: ${VALUES} × the vector's values, added once.`);
  page.fields(editFields(editFacts(steered, engine), editedToken(steered, question, engine)));
  return examples;
}

function ending({ text, finishReason }: SteerResult): string {
  return `${text.trim()}${finishReason === 'length' ? ' …' : ''}`;
}

async function doseResponse(
  { engine, page, progress, signal }: Setting,
  vector: SteeringVector,
  questions: readonly string[],
): Promise<Dose[]> {
  const { steer } = await import('../../steer/steer.ts');
  const { inOrder } = await import('../../vectors/in-order.ts');
  const { randomVector } = await import('../../vectors/random-vector.ts');
  const control = randomVector(vector, RANDOM_SEED);
  const asked: readonly {
    readonly condition: Dose['condition'];
    readonly values: number;
    readonly plan: SteeringPlan | null;
  }[] = [
    ...DOSES.map((values) => ({
      condition: values === 0 ? ('plain' as const) : ('steered' as const),
      values,
      plan: values === 0 ? null : { vector, values },
    })),
    { condition: 'random', values: VALUES, plan: { vector: control, values: VALUES } },
  ];
  page.heading('Dose and response');
  page.paragraph(
    `How many answers to ${questions.length} questions of GSM8K begin with "Step", as the pairs' examples do? The random vector has the same norm in every layer, and no content.`,
  );
  const runs = questions.flatMap((question) => asked.map(({ plan }, row) => ({ question, plan, row })));
  const opening = async ({ question, plan, row }: (typeof runs)[number], _: number, stop: AbortSignal) => {
    const { text } = await steer(engine, question, plan, {
      offset: DEFAULT_OFFSET,
      maxTokens: OPENING_TOKENS,
      signal: stop,
    });
    return { row, isStep: text.trimStart().startsWith('Step') };
  };
  const steps = asked.map(() => 0);
  let done = 0;
  progress.update({ phase: 'answering', done, total: runs.length, unit: 'count' });
  // Prompts that are alike are prefilled once while they wait side by side.
  for await (const { row, isStep } of inOrder(runs, opening, asked.length * 4, signal)) {
    if (isStep) steps[row]!++;
    progress.update({ phase: 'answering', done: ++done, total: runs.length, unit: 'count' });
  }
  progress.stop();
  const doses = asked.map(({ condition, values }, row) => ({
    condition,
    values,
    steps: steps[row]!,
    n: questions.length,
  }));
  page.blank();
  page.block(doseTable(doses, page));
  page.blank();
  const { text, isGood } = verdict(doses);
  page.paragraph(`${isGood ? '✔' : '✘'} ${text}`, isGood ? page.colors.green : page.colors.yellow);
  return doses;
}
