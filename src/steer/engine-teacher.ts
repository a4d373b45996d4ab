import type { Engine } from '../engine/engine.ts';
import { ContextOverflowError, TeacherError } from '../errors.ts';
import type { Teacher } from '../traces/teacher.ts';
import { generate } from './steer.ts';

/**
 * A local model that writes reasoning traces. The same request gives the same answer, so a run that is begun anew ends with the
 * same file. The engine stays the caller's to dispose.
 */
export function engineTeacher(engine: Engine): Teacher {
  const { name, fingerprint } = engine.model;
  return {
    model: name,
    identity: `${name} (${engine.capabilities.precision}, ${fingerprint.slice(0, 16)})`,
    ask: async ({ messages, maxTokens, temperature, seed }, signal) => {
      try {
        const answer = await generate(engine, messages, { maxTokens, temperature, seed, signal });
        return {
          text: answer.text,
          isCut: answer.finishReason === 'length',
          model: name,
          usage: { prompt: answer.promptTokens, completion: answer.tokens.length },
        };
      } catch (error) {
        if (error instanceof ContextOverflowError) {
          throw new TeacherError('refused', error.message, { cause: error });
        }
        throw error;
      }
    },
  };
}
