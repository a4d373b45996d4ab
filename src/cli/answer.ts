import { basename } from 'node:path';
import { RuntimeFailureError } from '../errors.ts';
import type { SteerEvent, SteerResult } from '../steer/steer.ts';
import { counted, formatMilliseconds, formatRanges } from './render/quantities.ts';

/** Runs a generation to its end. @param onText gets each piece of text, an empty one too: there is one call a token and one more. */
export async function collectAnswer(
  events: AsyncIterable<SteerEvent>,
  onText: (text: string) => void = () => {},
): Promise<SteerResult> {
  for await (const event of events) {
    if (event.type === 'token' || event.type === 'finish') onText(event.text);
    if (event.type === 'finish') return event.result;
  }
  throw new RuntimeFailureError(
    'The engine ended the answer without saying how. Run it again with KVSTEER_DEBUG=1.',
  );
}

/** One answer as `--json` prints it. */
export interface AnswerJson {
  readonly text: string;
  /** Generated ids, the end token included. */
  readonly tokens: readonly number[];
  readonly promptTokens: number;
  /** Index into the KV cache; null where nothing was edited. */
  readonly editedPosition: number | null;
  readonly finishReason: string;
  readonly timings: { readonly prefillMs: number; readonly editMs: number; readonly decodeMs: number };
  readonly steering: {
    readonly vector: string;
    readonly values: number;
    readonly keys: number;
    readonly layers: readonly number[];
    readonly heads: readonly number[];
    readonly position: number;
    readonly keyMode: string;
    readonly offsetToken: number | null;
  } | null;
}

/** @param vector the path that the vector came from. */
export function answerJson(result: SteerResult, vector: string | undefined): AnswerJson {
  const { text, tokens, promptTokens, editedPosition, finishReason, timings, offsetToken } = result;
  const [plan] = result.plans;
  const { prefillMs, editMs, decodeMs } = timings;
  return {
    text,
    tokens,
    promptTokens,
    editedPosition,
    finishReason,
    timings: { prefillMs: brief(prefillMs), editMs: brief(editMs), decodeMs: brief(decodeMs) },
    steering:
      plan === undefined || vector === undefined
        ? null
        : {
            vector,
            values: plan.values,
            keys: plan.keys,
            layers: plan.layers,
            heads: plan.heads,
            position: plan.position,
            keyMode: plan.vector.keyMode,
            offsetToken,
          },
  };
}

/** Microseconds are enough. */
function brief(ms: number): number {
  return Number(ms.toFixed(3));
}

/** `64 tokens, 0.8 s`, `12.1 ms a token`, and how it ended. */
export function answerNotes({ tokens, timings, finishReason }: SteerResult): string[] {
  const { prefillMs, editMs, decodeMs } = timings;

  const ends = {
    eos: 'ended by itself',
    stop: 'ended at a stop text',
    length: 'cut at the token limit',
  } as const;
  return [
    `${counted(tokens.length, 'token')}, ${formatMilliseconds(prefillMs + editMs + decodeMs)}`,
    // every answer has at least one token
    `${formatMilliseconds(decodeMs / tokens.length)} a token`,
    ends[finishReason],
  ];
}

/** What was edited, in words; null for a plain answer. Several answers to one prompt differ in their values only. */
export function editNote(results: readonly SteerResult[], vector: string): string | null {
  const [first] = results;
  const plan = first?.plans[0];
  if (first === undefined || plan === undefined) return null;
  const values = results.map((result) => result.plans[0]?.values).join(', ');
  const heads =
    plan.heads.length === plan.vector.model.kvHeads ? '' : `, KV heads ${formatRanges(plan.heads)}`;
  const keys = plan.keys === 0 ? '' : `, keys × ${plan.keys} (${plan.vector.keyMode})`;
  const slowest = Math.max(...results.map(({ timings }) => timings.editMs));
  return (
    `one edit with ${basename(vector)}: values × ${values}${keys}, layers ${formatRanges(plan.layers)}${heads}, ` +
    `at position ${first.editedPosition} (prompt of ${counted(first.promptTokens, 'token')}), in ${formatMilliseconds(slowest)}`
  );
}
