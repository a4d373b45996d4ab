/** The bundled model: one answer plain and steered, then four ways of asking over held-out problems. */

import { finalNumber } from '../../data/final-answer.ts';
import type { Question } from '../../data/question.ts';
import type { Engine } from '../../engine/engine.ts';
import { InvalidArgumentError } from '../../errors.ts';
import type { Condition } from '../../evaluate/condition.ts';
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
import { editedToken, editFacts, editFields } from './edit-facts.ts';
import type { Page } from './page.ts';

const DEFAULT_PROBLEMS = 200;
/** The longest worked answers have about 110 tokens. */
const MAX_TOKENS = 160;
/** As in the model's training. */
const COT_PROMPT = " Let's think step by step.";
const RANDOM_SEED = 1;
const EXAMPLES_TRIED = 8;

interface Setting {
  readonly engine: Engine;
  readonly vector: SteeringVector;
  readonly style: Style;
  readonly card: StyleCard;
  readonly problems: readonly Question[];
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
  const { loadQuestions } = await import('../../data/load-questions.ts');
  const { questions: problems } = await loadQuestions(heldOutFile, { limit: most, signal });
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
      question: example.problem.question,
      answer: Number(example.problem.answer),
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

interface Example {
  readonly problem: Question;
  /** Index into the problems. */
  readonly index: number;
  readonly plain: SteerResult;
  readonly steered: SteerResult;
}

/** The first problem that only the steered answer gets right, of the first few; else the first. */
async function findExample({ engine, vector, problems, signal }: Setting): Promise<Example> {
  const { steer } = await import('../../steer/steer.ts');
  const options = { offset: DEFAULT_OFFSET, maxTokens: MAX_TOKENS, signal };
  let first: Example | undefined;
  for (const [index, problem] of problems.slice(0, EXAMPLES_TRIED).entries()) {
    // One after the other: side by side they would share decode steps, and their times would say nothing.
    const plain = await steer(engine, problem.question, null, options);
    const steered = await steer(engine, problem.question, { vector }, options);
    const example = { problem, index, plain, steered };
    if (!isRight(plain, problem) && isRight(steered, problem)) return example;
    first ??= example;
  }
  return first!;
}

function isRight({ text }: SteerResult, { answer }: Question): boolean {
  return finalNumber(text) === Number(answer);
}

async function oneProblem(setting: Setting): Promise<Example> {
  const { engine, problems, page } = setting;
  const example = await findExample(setting);
  const { problem, index, plain, steered } = example;
  const { question, answer } = problem;
  page.heading('A problem the model has never seen');
  page.paragraph(question);
  const parts = isRight(steered, problem) && !isRight(plain, problem);
  const why = parts ? `, the first where the two answers part; all ${problems.length} count below` : '';
  page.paragraph(`Right would be ${answer}. (Held-out problem ${index + 1}${why}.)`, page.colors.dim);

  page.heading('Its plain answer');
  showAnswer(page, plain, problem);

  page.heading('The one edit');
  const { values, keys } = steered.plans[0]!;
  const scale =
    keys === 0 ? `${values} × the vector's values` : `${values} × the vector's values and ${keys} × its keys`;
  page.paragraph(
    `The model reads the prompt and keeps what it made of it in its KV cache. Then, before it writes a word, ${scale} are added there:`,
  );
  page.fields(editFields(editFacts(steered, engine), editedToken(steered, question, engine)));

  page.heading('Its steered answer: same model, same prompt');
  showAnswer(page, steered, problem);
  return example;
}

function showAnswer(page: Page, result: SteerResult, problem: Question): void {
  const { colors } = page;
  page.paragraph(result.text.trim() === '' ? '(nothing)' : result.text.trim());
  const mark = isRight(result, problem) ? colors.green('✔ right') : colors.red('✘ wrong');
  page.block(`${mark}${colors.dim(`  ${answerNotes(result).slice(0, 2).join(', ')}`)}`);
}

async function manyProblems(setting: Setting): Promise<Record<ConditionName, MeasuredWithStyle>> {
  const { engine, vector, card, problems, page, progress, signal } = setting;
  const { evaluate } = await import('../../evaluate/evaluate.ts');
  const { randomVector } = await import('../../vectors/random-vector.ts');
  const conditions: Record<ConditionName, Condition> = {
    plain: {},
    steered: { plan: { vector } },
    random: { plan: { vector: randomVector(vector, RANDOM_SEED) } },
    cot: { suffix: COT_PROMPT },
  };
  page.heading(`Was it luck? ${problems.length} held-out problems, asked in four ways`);
  const phase = 'answering';
  const total = problems.length * Object.keys(conditions).length;
  progress.update({ phase, done: 0, total, unit: 'count' });
  const started = performance.now();
  const { summary, answers } = await evaluate(engine, problems, conditions, {
    maxTokens: MAX_TOKENS,
    signal,
    onProgress: ({ done }) => progress.update({ phase, done, total, unit: 'count' }),
  });
  progress.stop();
  const seconds = formatMilliseconds(performance.now() - started);
  const styled = (name: ConditionName): MeasuredWithStyle => {
    const condition = summary.conditions[name];
    const inStyle = answers[name].filter(({ text }) => card.pattern.test(text.trim())).length / condition.n;
    return { ...condition, inStyle };
  };
  const withStyle: Record<ConditionName, MeasuredWithStyle> = {
    plain: styled('plain'),
    steered: styled('steered'),
    random: styled('random'),
    cot: styled('cot'),
  };

  page.block(measuredTable(withStyle, setting.style, page));
  page.paragraph(
    `Greedy, ${total} answers in ${seconds}. The CoT prompt adds "${COT_PROMPT.trim()}" to each question. All four prompts get one line break more at their end (the offset token), so nothing else differs.`,
    page.colors.dim,
  );
  page.blank();
  const { text, isGood } = verdict(withStyle);
  page.paragraph(`${isGood ? '✔' : '✘'} ${text}`, isGood ? page.colors.green : page.colors.yellow);
  return withStyle;
}
