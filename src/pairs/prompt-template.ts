import { InvalidArgumentError } from '../errors.ts';
import type { ExampleTurns, PairKind } from './item.ts';
import type { PairPrompt } from './pair.ts';

/** An example turn, or the question that is asked. */
export interface Turn {
  readonly question: string;
  readonly answer: string;
}

export function turnOf(item: ExampleTurns, kind: PairKind): Turn {
  return { question: item.question, answer: item[kind] };
}

/** Example turns and the question after them, as a prompt. */
export type PromptWriter = (turns: readonly Turn[], question: string) => PairPrompt;

/** Messages: the model's chat template makes them a text later. */
export function chatPrompts(system: string | undefined): PromptWriter {
  return (turns, question) => [
    ...(system === undefined ? [] : [{ role: 'system', content: system }]),
    ...turns.flatMap((turn) => [
      { role: 'user', content: turn.question },
      { role: 'assistant', content: turn.answer },
    ]),
    { role: 'user', content: question },
  ];
}

const QUESTION = '{question}';
const ANSWER = '{answer}';

/**
 * Prompts for a model without chat template, or in another form than its own. The template is one turn, such as
 * `Q: {question}\nA: {answer}\n\n`; a prompt is the system text as it is, a turn an example, and the last turn cut
 * before its answer. Blanks on either side of the cut are left out, since tokenizers put them into the next word; the
 * answers lose theirs too, so that the template alone decides.
 *
 * @throws InvalidArgumentError unless `{question}` and then `{answer}` are in the template, each once.
 */
export function templatePrompts(template: string, system = ''): PromptWriter {
  const [before, between, after] = partsOf(template);
  const asked = (question: string) => before + question + between;
  return (turns, question) => {
    const examples = turns.map((turn) => asked(turn.question) + turn.answer.trimStart() + after);
    return system + examples.join('') + asked(question).replace(/[ \t]+$/, '');
  };
}

function partsOf(template: string): [before: string, between: string, after: string] {
  const [before, rest, ...others] = template.split(QUESTION);
  const [between, after, ...more] = (rest ?? '').split(ANSWER);
  if (
    before === undefined ||
    between === undefined ||
    after === undefined ||
    others.length + more.length > 0 ||
    before.includes(ANSWER)
  ) {
    throw new InvalidArgumentError(
      'template',
      `A prompt template is one turn: ${QUESTION} and then ${ANSWER}, each once, e.g. "Q: ${QUESTION}\\nA: ${ANSWER}\\n\\n"; found ${JSON.stringify(template)}.`,
    );
  }
  return [before, between, after];
}
