import type { Engine } from '../../engine/engine.ts';
import { tokenizePrompt } from '../../steer/prompt.ts';
import type { SteerResult } from '../../steer/steer.ts';
import { formatMilliseconds, formatRanges } from '../render/quantities.ts';

/** The one edit of a steered answer, in numbers. */
export interface EditFacts {
  /** Index into the KV cache. */
  readonly position: number;
  /** Counted from the end of the cache; 1 is the last. */
  readonly positionFromEnd: number;
  readonly layers: readonly number[];
  /** Numbers that something was added to. */
  readonly numbers: number;
  /** Numbers in the cache at that time: 2 x L x H x D a position. */
  readonly cacheNumbers: number;
  readonly milliseconds: number;
}

/** @param result a steered answer with a single plan. */
export function editFacts(result: SteerResult, { model }: Engine): EditFacts {
  const plan = result.plans[0]!;
  const cached = result.promptTokens - (result.offsetToken === null ? 1 : 0);
  const parts = [plan.values, plan.keys].filter((coefficient) => coefficient !== 0).length;
  return {
    position: plan.position,
    positionFromEnd: cached - plan.position,
    layers: plan.layers,
    numbers: parts * plan.layers.length * plan.heads.length * model.headDim,
    cacheNumbers: 2 * model.layers * model.kvHeads * model.headDim * cached,
    milliseconds: result.timings.editMs,
  };
}

/** The text of the token whose cached numbers were edited. @param question as it was asked. */
export function editedToken(result: SteerResult, question: string, { tokenizer }: Engine): string {
  const { tokens } = tokenizePrompt(question, tokenizer, { offset: result.offsetToken });
  return tokenizer.decode([tokens[result.plans[0]!.position]!], { skipSpecialTokens: false });
}

/** For a reader who has not met a KV cache. @param token the text of the edited token. */
export function editFields(
  { position, positionFromEnd, layers, numbers, cacheNumbers, milliseconds }: EditFacts,
  token: string,
): [name: string, value: string][] {
  const place = positionFromEnd === 1 ? 'the last token' : `token ${positionFromEnd} from the end`;
  const count = (value: number) => value.toLocaleString('en-US');
  return [
    [
      'where',
      `position ${position}: ${place} of the prompt (${JSON.stringify(token)}), in layers ${formatRanges(layers)}`,
    ],
    ['how much', `${count(numbers)} of the ${count(cacheNumbers)} numbers in the cache`],
    ['how long', `${formatMilliseconds(milliseconds)}, once; the words that follow cost nothing extra`],
  ];
}
