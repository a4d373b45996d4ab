/**
 * Every error that kvsteer throws on purpose is a {@link KvSteerError}: its message says what was expected, what was
 * found and what to do; `code` is stable for programs. `KvSteerError.isInstance` works across copies of the package.
 */
const marker = Symbol.for('kvsteer.error');

export type KvSteerErrorCode =
  | 'invalid-argument'
  | 'invalid-file'
  | 'unsupported-model'
  | 'model-not-found'
  | 'data-not-found'
  | 'download-failed'
  | 'upload-failed'
  | 'model-mismatch'
  | 'context-overflow'
  | 'out-of-memory'
  | 'disposed'
  | 'missing-package'
  | 'teacher-failed'
  | 'request-refused'
  | 'runtime-failure';

export class KvSteerError extends Error {
  readonly code: KvSteerErrorCode;
  readonly [marker] = true;

  constructor(code: KvSteerErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }

  /** True for a KvSteerError of this or another copy of the package. */
  static isInstance(value: unknown): value is KvSteerError {
    return typeof value === 'object' && value !== null && (value as Record<symbol, unknown>)[marker] === true;
  }
}

/** An argument, flag or option is out of its range or of the wrong kind. */
export class InvalidArgumentError extends KvSteerError {
  readonly argument: string;
  constructor(argument: string, message: string, options?: { cause?: unknown }) {
    super('invalid-argument', message, options);
    this.argument = argument;
  }
}

/** A file is damaged, truncated, or not of the format it should be. */
export class InvalidFileError extends KvSteerError {
  readonly path: string;
  constructor(path: string, message: string, options?: { cause?: unknown }) {
    super('invalid-file', `${path}: ${message}`, options);
    this.path = path;
  }
}

/** The model is readable, but its architecture, tensor types or graph layout is not supported. */
export class UnsupportedModelError extends KvSteerError {
  constructor(message: string, options?: { cause?: unknown }) {
    super('unsupported-model', message, options);
  }
}

/** No model of that name is registered, cached or on disk. */
export class ModelNotFoundError extends KvSteerError {
  readonly model: string;
  constructor(model: string, message: string, options?: { cause?: unknown }) {
    super('model-not-found', message, options);
    this.model = model;
  }
}

/** No question set of that name, or none of that split, is known, on disk or on the hub. */
export class DataNotFoundError extends KvSteerError {
  readonly source: string;
  constructor(source: string, message: string, options?: { cause?: unknown }) {
    super('data-not-found', message, options);
    this.source = source;
  }
}

/** No source delivered the file; `causes` has one entry a source tried. */
export class DownloadError extends KvSteerError {
  readonly causes: readonly unknown[];
  constructor(message: string, causes: readonly unknown[]) {
    super('download-failed', message, { cause: causes[0] });
    this.causes = causes;
  }
}

/** The hub did not take what was pushed; `cause` holds its own error. */
export class UploadError extends KvSteerError {
  constructor(message: string, options?: { cause?: unknown }) {
    super('upload-failed', message, options);
  }
}

/** A vector was made for another model, template or shape. Names both sides. */
export class ModelMismatchError extends KvSteerError {
  readonly expected: string;
  readonly found: string;
  constructor(message: string, expected: string, found: string) {
    super('model-mismatch', message);
    this.expected = expected;
    this.found = found;
  }
}

/** A prompt, or a prompt and its answer, does not fit the model's context. */
export class ContextOverflowError extends KvSteerError {
  readonly needed: number;
  readonly available: number;
  constructor(needed: number, available: number, message?: string) {
    super(
      'context-overflow',
      message ??
        `The model's context holds ${available} tokens, but ${needed} are needed. Shorten the prompt or ask for fewer new tokens.`,
    );
    this.needed = needed;
    this.available = available;
  }
}

/** More memory was asked for than the stated budget, or than the machine gave. */
export class OutOfMemoryError extends KvSteerError {
  readonly neededBytes: number;
  readonly availableBytes: number;
  constructor(neededBytes: number, availableBytes: number, message: string) {
    super('out-of-memory', message);
    this.neededBytes = neededBytes;
    this.availableBytes = availableBytes;
  }
}

/** A cache or engine was used after it was disposed. */
export class DisposedError extends KvSteerError {
  constructor(what: string) {
    super('disposed', `This ${what} was disposed and cannot be used any more. Make a new one.`);
  }
}

/** A teacher, which writes reasoning traces, did not answer as asked. */
export class TeacherError extends KvSteerError {
  /**
   * `passing`: worth asking again (a fault of the server, of the network, a rate limit); `refused`: this request never
   * will be answered; `fatal`: no request will be, e.g. for a wrong key.
   */
  readonly kind: 'passing' | 'refused' | 'fatal';
  /** HTTP status, or null where there was none. */
  readonly status: number | null;
  /** How long the teacher asks to be left alone, or null. */
  readonly retryAfterMs: number | null;
  /** The answer may have been written and charged for, though it did not arrive. */
  readonly mayBeBilled: boolean;
  constructor(
    kind: TeacherError['kind'],
    message: string,
    {
      status = null,
      retryAfterMs = null,
      mayBeBilled = false,
      cause,
    }: Partial<Pick<TeacherError, 'status' | 'retryAfterMs' | 'mayBeBilled'>> & {
      readonly cause?: unknown;
    } = {},
  ) {
    super('teacher-failed', message, { cause });
    this.kind = kind;
    this.status = status;
    this.retryAfterMs = retryAfterMs;
    this.mayBeBilled = mayBeBilled;
  }
}

/** The inference runtime failed; `cause` holds its own error. */
export class RuntimeFailureError extends KvSteerError {
  constructor(message: string, options?: { cause?: unknown }) {
    super('runtime-failure', message, options);
  }
}

/** An optional package that this needs is not installed; `packages` are their names. */
export class MissingPackageError extends KvSteerError {
  readonly packages: readonly string[];
  constructor(what: string, packages: readonly string[], options?: { cause?: unknown }) {
    const list = packages.join(' and ');
    super(
      'missing-package',
      `${what} needs ${list}, which ${packages.length === 1 ? 'is' : 'are'} not installed. Run: npm install ${packages.join(' ')}`,
      options,
    );
    this.packages = packages;
  }
}
