import { HTTPException } from 'hono/http-exception';
import {
  ContextOverflowError,
  DisposedError,
  InvalidArgumentError,
  InvalidFileError,
  KvSteerError,
  ModelMismatchError,
  OutOfMemoryError,
} from '../errors.ts';
import { ApiError, badRequest, shuttingDown } from './api-error.ts';

/** The library's names for what OpenAI's requests call otherwise. */
const fieldOf: Readonly<Record<string, string>> = {
  topP: 'top_p',
  topK: 'top_k',
  minP: 'min_p',
  repetitionPenalty: 'repetition_penalty',
  maxTokens: 'max_tokens',
  values: 'steering',
  keys: 'steering',
  layers: 'steering',
  heads: 'steering',
  position: 'steering',
};

/**
 * What a client is told of an error. What is not the client's doing becomes a 500 that says an id to look for in the log, and
 * nothing of the inside.
 */
export function toApiError(error: unknown, requestId: string): ApiError {
  if (error instanceof ApiError) return error;
  if (error instanceof HTTPException) return new ApiError(error.status, 'invalid_request', error.message);
  if (KvSteerError.isInstance(error)) {
    if (error instanceof ContextOverflowError)
      return badRequest(error.message, 'messages', 'context_length_exceeded');
    if (error instanceof InvalidArgumentError) {
      return badRequest(error.message, fieldOf[error.argument] ?? error.argument);
    }
    if (error instanceof ModelMismatchError) return badRequest(error.message, 'steering', 'vector_mismatch');
    // Only uploads get here: what lies in the server's folders is dealt with where it is read.
    if (error instanceof InvalidFileError) return badRequest(error.message, null, 'invalid_vector');
    if (error instanceof OutOfMemoryError) {
      return new ApiError(503, 'overloaded', 'The memory for answers is used up. Try again in a moment.', {
        retryAfter: 2,
        cause: error,
      });
    }
    if (error instanceof DisposedError) return shuttingDown();
  }
  return new ApiError(
    500,
    'internal_error',
    `Something went wrong inside the server. Its log has more under ${requestId}.`,
    {
      cause: error,
    },
  );
}
