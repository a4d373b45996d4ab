/** The bundled model: one answer plain and steered, then four ways of asking over held-out problems. */
import type { Engine } from '../../engine/engine.ts';
import { InvalidArgumentError } from '../../errors.ts';
import { finalNumber } from '../../evaluate/final-answer.ts';
import type { Condition } from '../../evaluate/measure.ts';
import { type Problem, readProblems } from '../../evaluate/problems.ts';
import { tokenizePrompt } from '../../steer/prompt.ts';
import type { SteerResult } from '../../steer/steer.ts';
import type { SteeringVector } from '../../vectors/vector.ts';
import { answerJson, answerNotes } from '../answer.ts';
import type { DemoFlags } from '../demo.ts';
import { openEngine } from '../open-engine.ts';
import { DEFAULT_OFFSET } from '../options/defaults.ts';
import type { ProgressBar } from '../progress-bar.ts';
import { readVector } from '../read-vector.ts';
import { formatMilliseconds } from '../render/quantities.ts';
import { printJson, type Terminal } from '../terminal.ts';
import { heldOutFile, readStyle, type Style, type StyleCard, vectorFile } from './bundled-files.ts';
import {
  type ConditionName,
  closingWords,
  type MeasuredWithStyle,
  measuredTable,
  nextSteps,
  verdict,
} from './bundled-words.ts';
import { editFacts, editFields } from './edit-facts.ts';
import type { Page } from './page.ts';

const DEFAULT_PROBLEMS = 200;
/** The longest worked answers have about 110 tokens. */
const MAX_TOKENS = 160;
/** As in the model's training. */
const COT_PROMPT = " Let's think step by step.";
const RANDOM_SEED = 1;

interface Setting {
  readonly engine: Engine;
  readonly vector: SteeringVector;
  readonly style: Style;
  readonly card: StyleCard;
  readonly problems: readonly Problem[];
  readonly page: Page;
  readonly progress: ProgressBar;
  readonly signal: AbortSignal;
}

export async function bundledDemo(
  flags: DemoFlags,
  terminal: Terminal,
  page: Page,
  progress: ProgressBar,
): Promise<void> {
  const { style = 'stepwise', problems: most = DEFAULT_PROBLEMS } = flags;
  const { signal, stdout } = terminal;
  const problems = await readProblems(heldOutFile, { most, signal });
  if (problems.length < most) {
    throw new InvalidArgumentError('problems', `--problems: there are ${problems.length} held-out problems.`);
  }
  const card = await readStyle(style);
  const vector = await readVector(vectorFile(style));
  await using engine = await openEngine(flags, terminal, progress);
  const setting = { engine, vector, style, card, problems, page, progress, signal };

  introduce(setting);
  const example = await oneProblem(setting);
  const measured = await manyProblems(setting);
  closingWords(page, measured);
  nextSteps(page, style);
  if (!flags.json) return;
  const { plans, offsetToken } = example.steered;
  const { values, keys } = plans[0]!;
  printJson(stdout, {
    model: engine.model.name,
    precision: engine.capabilities.precision,
    style,
    coefficients: { values, keys },
    offsetToken,
    ...Object.fromEntries(
      Object.entries(measured).map(([name, { accuracy, interval, tokens, n, inStyle }]) => [
        name,
        { accuracy, interval, tokens, n, inStyle },
      ]),
    ),
    example: {
      ...problems[0],
      plain: answerJson(example.plain, undefined),
      steered: answerJson(example.steered, vectorFile(style)),
      edit: editFacts(example.steered, engine),
    },
  });
}

function introduce({ page, engine, style, card, vector }: Setting): void {
  const { layers, kvHeads, headDim } = engine.model;
  page.title('kvsteer demo: one edit of the KV cache changes how a model answers');
  page.fields([
    [
      'model',
      `tiny (${layers} layers × ${kvHeads} KV heads × head_dim ${headDim}); comes with kvsteer, runs on this CPU, offline`,
    ],
    [
      'vector',
      `${style}, from ${vector.pairs?.count ?? 'some'} contrastive pairs: examples in this style against bare answers`,
    ],
    ['style', card.description],
  ]);
}

async function oneProblem({ engine, vector, problems, page, signal }: Setting) {
  const { steer } = await import('../../steer/steer.ts');
  const { question, answer } = problems[0]!;
  const { colors } = page;
  const options = { offset: DEFAULT_OFFSET, maxTokens: MAX_TOKENS, signal };
  page.heading('A problem the model has never seen');
  page.paragraph(question);
  page.paragraph(`The right answer is ${answer}.`, colors.dim);

  page.heading('Its plain answer');
  const plain = await steer(engine, question, null, options);
  showAnswer(page, plain, answer);

  const steered = await steer(engine, question, { vector }, options);
  page.heading('The one edit');
  const { values, keys } = steered.plans[0]!;
  const scale =
    keys === 0 ? `${values} × the vector's values` : `${values} × the vector's values and ${keys} × its keys`;
  page.paragraph(
    `The model reads the prompt and keeps what it made of it in its KV cache. Then, before it writes a word, ${scale} are added there:`,
  );
  const { tokens } = tokenizePrompt(question, engine.tokenizer, { offset: DEFAULT_OFFSET });
  const facts = editFacts(steered, engine);
  const token = engine.tokenizer.decode([tokens[facts.position]!], { skipSpecialTokens: false });
  page.fields(editFields(facts, token));

  page.heading('Its steered answer: same model, same prompt');
  showAnswer(page, steered, answer);
  return { plain, steered };
}

function showAnswer(page: Page, result: SteerResult, answer: number): void {
  const { colors } = page;
  const isRight = finalNumber(result.text) === answer;
  page.paragraph(result.text.trim() === '' ? '(nothing)' : result.text.trim());
  const mark = isRight ? colors.green('✔ right') : colors.red('✘ wrong');
  page.block(`${mark}${colors.dim(`  ${answerNotes(result).slice(0, 2).join(', ')}`)}`);
}

async function manyProblems(setting: Setting): Promise<Record<ConditionName, MeasuredWithStyle>> {
  const { engine, vector, card, problems, page, progress, signal } = setting;
  const { measureConditions } = await import('../../evaluate/measure.ts');
  const { randomVector } = await import('../../vectors/random-vector.ts');
  const conditions: Record<ConditionName, Condition> = {
    plain: { plan: null },
    steered: { plan: { vector } },
    random: { plan: { vector: randomVector(vector, RANDOM_SEED) } },
    cot: { plan: null, suffix: COT_PROMPT },
  };
  page.heading(`Was it luck? ${problems.length} held-out problems, asked in four ways`);
  const phase = 'answering';
  const total = problems.length * Object.keys(conditions).length;
  progress.update({ phase, done: 0, total, unit: 'count' });
  const started = performance.now();
  const measured = await measureConditions(engine, problems, conditions, {
    offset: DEFAULT_OFFSET,
    maxTokens: MAX_TOKENS,
    signal,
    onProgress: ({ done }) => progress.update({ phase, done, total, unit: 'count' }),
  });
  progress.stop();
  const seconds = formatMilliseconds(performance.now() - started);
  const withStyle = Object.fromEntries(
    Object.entries(measured).map(([name, one]) => {
      const inStyle = one.answers.filter(({ text }) => card.pattern.test(text.trim())).length / one.n;
      return [name, { ...one, inStyle }];
    }),
  ) as Record<ConditionName, MeasuredWithStyle>;

  page.block(measuredTable(withStyle, setting.style, page));
  page.paragraph(
    `Greedy, ${total} answers in ${seconds}. All four end their prompt with one line break more (the offset token), so nothing but the edit, or the sentence of the CoT prompt, differs.`,
    page.colors.dim,
  );
  page.blank();
  const { text, isGood } = verdict(withStyle);
  page.paragraph(`${isGood ? '✔' : '✘'} ${text}`, isGood ? page.colors.green : page.colors.yellow);
  return withStyle;
}
