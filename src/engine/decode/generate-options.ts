/** The ranges and defaults of `GenerateOptions`, checked in one place for every engine. */
import { InvalidArgumentError } from '../../errors.ts';
import type { GenerateOptions, ModelInfo, ResidualOffset, Tokenizer } from '../engine.ts';

/** `GenerateOptions` with every default filled in; `signal` stays absent where none was given. */
export type CheckedGenerateOptions = Required<Omit<GenerateOptions, 'signal'>> &
  Pick<GenerateOptions, 'signal'>;

export type GenerateOptionsModel = Pick<ModelInfo, 'vocabSize' | 'layers' | 'hidden'>;

const DEFAULT_MAX_TOKENS = 256;

/**
 * Checks every field and fills in the defaults of `GenerateOptions`. A missing seed becomes a random one, so that the
 * caller can report what was used. Whether the tokens fit the context is the engine's to check: it knows the cache.
 *
 * @param model V, L and C that tokens and residual offsets must fit.
 * @param tokenizer gives the default `eosTokenIds`.
 * @throws InvalidArgumentError naming the option, its range and what was found.
 */
export function checkGenerateOptions(
  options: GenerateOptions,
  model: GenerateOptionsModel,
  tokenizer: Pick<Tokenizer, 'eosTokenIds'>,
): CheckedGenerateOptions {
  const feed = checkTokens('feed', options.feed, model.vocabSize);
  if (feed.length === 0) {
    throw new InvalidArgumentError(
      'feed',
      'feed must hold at least one token: its logits give the first new one.',
    );
  }
  return {
    feed,
    maxTokens: checkNumber('maxTokens', options.maxTokens, DEFAULT_MAX_TOKENS, { min: 1, integer: true }),
    temperature: checkNumber('temperature', options.temperature, 0, { min: 0, max: 10 }),
    topK: checkNumber('topK', options.topK, 0, { min: 0, integer: true }),
    topP: checkNumber('topP', options.topP, 1, { above: 0, max: 1 }),
    minP: checkNumber('minP', options.minP, 0, { min: 0, max: 1 }),
    repetitionPenalty: checkNumber('repetitionPenalty', options.repetitionPenalty, 1, { above: 0, max: 10 }),
    history: checkTokens('history', options.history ?? [], model.vocabSize),
    seed: checkNumber('seed', options.seed ?? randomSeed(), 0, { integer: true }),
    stop: checkStop(options.stop ?? []),
    eosTokenIds:
      options.eosTokenIds === undefined
        ? tokenizer.eosTokenIds
        : checkTokens('eosTokenIds', options.eosTokenIds, model.vocabSize),
    residual: checkResidual(options.residual ?? [], model),
    logprobs: checkFlag('logprobs', options.logprobs ?? false),
    ...(options.signal === undefined ? {} : { signal: checkSignal(options.signal) }),
  };
}

/**
 * A list of token ids of the model.
 *
 * @throws InvalidArgumentError naming `argument` and the first id that is not an integer in [0, vocabSize).
 */
export function checkTokens(
  argument: string,
  tokens: readonly number[],
  vocabSize: number,
): readonly number[] {
  if (!Array.isArray(tokens)) {
    throw new InvalidArgumentError(
      argument,
      `${argument} must be an array of token ids, not ${show(tokens)}.`,
    );
  }
  for (let i = 0; i < tokens.length; i++) {
    const token: unknown = tokens[i];
    if (!Number.isInteger(token) || (token as number) < 0 || (token as number) >= vocabSize) {
      throw new InvalidArgumentError(
        argument,
        `${argument}[${i}] must be a token id, an integer in [0, ${vocabSize}), not ${show(token)}.`,
      );
    }
  }
  return tokens;
}

/** `PrefillOptions.prefixLength` for a prefix of `held` positions (0: none). @throws InvalidArgumentError */
export function checkPrefixLength(length: number | undefined, held: number): number {
  if (length === undefined) return held;
  if (held === 0) {
    throw new InvalidArgumentError(
      'prefixLength',
      'prefixLength says how much of `prefix` to keep: give one.',
    );
  }
  return checkNumber('prefixLength', length, held, { min: 1, max: held, integer: true });
}

interface NumberRange {
  readonly min?: number;
  /** Exclusive. */
  readonly above?: number;
  readonly max?: number;
  readonly integer?: boolean;
}

function checkNumber(name: string, value: number | undefined, fallback: number, range: NumberRange): number {
  if (value === undefined) return fallback;
  const {
    min = Number.NEGATIVE_INFINITY,
    above = Number.NEGATIVE_INFINITY,
    max = Number.POSITIVE_INFINITY,
  } = range;
  const right = range.integer ? Number.isSafeInteger(value) : Number.isFinite(value);
  if (!right || value < min || value <= above || value > max) {
    throw new InvalidArgumentError(name, `${name} must be ${describe(range)}, not ${show(value)}.`);
  }
  return value;
}

function describe({ min, above, max, integer }: NumberRange): string {
  const kind = integer ? 'a safe integer' : 'a number';
  const low = above !== undefined ? `(${above}` : min !== undefined ? `[${min}` : '';
  if (low === '') return kind;
  return max === undefined ? `${kind}, ${min} or more` : `${kind} in ${low}, ${max}]`;
}

function checkStop(stop: readonly string[]): readonly string[] {
  if (!Array.isArray(stop)) {
    throw new InvalidArgumentError('stop', `stop must be an array of texts, not ${show(stop)}.`);
  }
  for (const [i, text] of stop.entries()) {
    if (typeof text !== 'string' || text === '') {
      throw new InvalidArgumentError(
        'stop',
        `stop[${i}] must be a text of at least one character, not ${show(text)}.`,
      );
    }
  }
  return stop;
}

/** @throws InvalidArgumentError naming the offset whose layer, length or numbers do not fit the model. */
export function checkResidual(
  residual: readonly ResidualOffset[],
  model: GenerateOptionsModel,
): readonly ResidualOffset[] {
  if (!Array.isArray(residual)) {
    throw new InvalidArgumentError(
      'residual',
      `residual must be an array of offsets, not ${show(residual)}.`,
    );
  }
  for (const [i, { layer, offset }] of residual.entries()) {
    if (!Number.isInteger(layer) || layer < 0 || layer >= model.layers) {
      throw new InvalidArgumentError(
        'residual',
        `residual[${i}].layer must be an integer in [0, ${model.layers}), not ${show(layer)}.`,
      );
    }
    if (!(offset instanceof Float32Array) || offset.length !== model.hidden) {
      const found = offset instanceof Float32Array ? `${offset.length} values` : show(offset);
      throw new InvalidArgumentError(
        'residual',
        `residual[${i}].offset must be a Float32Array of ${model.hidden} values (the model's hidden size), not ${found}.`,
      );
    }
    if (!offset.every(Number.isFinite)) {
      throw new InvalidArgumentError(
        'residual',
        `residual[${i}].offset must be finite, but holds NaN or Infinity.`,
      );
    }
  }
  return residual;
}

function checkFlag(name: string, value: boolean): boolean {
  if (typeof value !== 'boolean') {
    throw new InvalidArgumentError(name, `${name} must be true or false, not ${show(value)}.`);
  }
  return value;
}

function checkSignal(signal: AbortSignal): AbortSignal {
  if (typeof signal?.aborted !== 'boolean' || typeof signal.addEventListener !== 'function') {
    throw new InvalidArgumentError('signal', `signal must be an AbortSignal, not ${show(signal)}.`);
  }
  return signal;
}

function randomSeed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0]!;
}

function show(value: unknown): string {
  if (typeof value === 'string') return `the text ${JSON.stringify(value.slice(0, 40))}`;
  return Array.isArray(value)
    ? 'an array'
    : typeof value === 'object' && value !== null
      ? 'an object'
      : String(value);
}
