/**
 * Patterns come from requests, and some take for ever on some texts. They run in a context that is stopped after a few
 * milliseconds: V8 looks for that between backtracks. Texts and patterns are bounded as well.
 */
import { type Context, createContext, Script } from 'node:vm';
import { badRequest } from '../api-error.ts';
import type { PatternGate } from './gate.ts';

/** Longest stop of the event loop that a pattern can cause. */
const MOST_MS = 20;
/** Characters that are looked at: the end of a message, where its question is. */
const MOST_TEXT = 16_384;

let sandbox: Context | undefined;
const script = new Script('new RegExp(regex, flags).test(text)');

/**
 * Whether the pattern occurs in the last {@link MOST_TEXT} characters.
 *
 * @throws ApiError 400 for what is no pattern, or takes more than {@link MOST_MS} ms on this text.
 */
export function matchesPattern({ regex, flags = '' }: PatternGate, text: string, param: string): boolean {
  // Without prototype and globals of ours; only texts go in, and only a boolean comes out.
  sandbox ??= createContext(Object.create(null), { codeGeneration: { strings: false, wasm: false } });
  Object.assign(sandbox, { regex, flags, text: text.slice(-MOST_TEXT) });
  try {
    return script.runInContext(sandbox, { timeout: MOST_MS }) === true;
  } catch (error) {
    const { code, name, message } = error as NodeJS.ErrnoException;
    if (code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') {
      throw badRequest(
        `The pattern takes more than ${MOST_MS} ms on this message. Write it without nested repetition.`,
        param,
        'pattern_too_slow',
      );
    }
    // Errors of the context are of its own classes.
    if (name === 'SyntaxError') throw badRequest(`The pattern cannot be read: ${message}.`, param);
    throw error;
  } finally {
    Object.assign(sandbox, { text: '' });
  }
}
