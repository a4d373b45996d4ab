import { InvalidArgumentError } from '../errors.ts';

/** Bounds on what one request, and all of them together, may take. */
export interface ServerLimits {
  /** Bytes of a JSON body. Default 1 MiB. */
  readonly bodyBytes: number;
  /** Bytes of an uploaded vector, and of a vector file that is read. Default 8 MiB. */
  readonly vectorBytes: number;
  /** Vectors in the folder. Default 1,000. */
  readonly vectors: number;
  /** Tokens of a prompt; the model's context bounds it as well. Default: the context. */
  readonly promptTokens: number;
  /** Tokens of an answer that a request may ask for. Default 4,096. */
  readonly answerTokens: number;
  /** Answers of one request: `n`, times the prompts of a completion. Default 8, and never more than `concurrent`. */
  readonly choices: number;
  /** Answers that decode at the same time. Default 32. */
  readonly concurrent: number;
  /** Requests that wait for a place; more get a 429. Default 256. */
  readonly queue: number;
  /** Milliseconds from a request's arrival to its last byte. Default 300,000. */
  readonly requestMs: number;
  /** Vectors in one request's steering. Default 8. */
  readonly steeringVectors: number;
}

export const defaultLimits: ServerLimits = {
  bodyBytes: 2 ** 20,
  vectorBytes: 8 * 2 ** 20,
  vectors: 1000,
  promptTokens: Number.MAX_SAFE_INTEGER,
  answerTokens: 4096,
  choices: 8,
  concurrent: 32,
  queue: 256,
  requestMs: 300_000,
  steeringVectors: 8,
};

/** @throws InvalidArgumentError for a limit that is not an integer of at least 1 (`queue`: 0). */
export function checkLimits(limits: Partial<ServerLimits> = {}): ServerLimits {
  const all = { ...defaultLimits, ...limits };
  for (const [name, value] of Object.entries(all)) {
    const least = name === 'queue' ? 0 : 1;
    if (!Number.isSafeInteger(value) || value < least) {
      throw new InvalidArgumentError(
        name,
        `The limit ${name} must be an integer of at least ${least}, not ${value}.`,
      );
    }
  }
  return { ...all, choices: Math.min(all.choices, all.concurrent) };
}
