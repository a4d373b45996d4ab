import { KvSteerError } from '../errors.ts';

/** What an error's JSON holds: `{ "error": { message, type, param, code } }`, as OpenAI's clients read it. */
export interface ApiErrorBody {
  readonly error: {
    readonly message: string;
    readonly type: string;
    readonly param: string | null;
    readonly code: string | null;
  };
}

export interface ApiErrorOptions {
  /** The field of the request to blame, e.g. `messages.0.content`. */
  readonly param?: string | null;
  /** Seconds until a retry is worthwhile. */
  readonly retryAfter?: number;
  readonly cause?: unknown;
}

/** A request that is refused: what the client is told, and nothing else. */
export class ApiError extends KvSteerError {
  readonly status: number;
  /** Stable, for programs: e.g. `model_not_found`. */
  readonly apiCode: string;
  readonly param: string | null;
  readonly retryAfter: number | null;

  constructor(status: number, apiCode: string, message: string, options: ApiErrorOptions = {}) {
    super('request-refused', message, { cause: options.cause });
    this.status = status;
    this.apiCode = apiCode;
    this.param = options.param ?? null;
    this.retryAfter = options.retryAfter ?? null;
  }

  get body(): ApiErrorBody {
    return {
      error: { message: this.message, type: typeOf(this.status), param: this.param, code: this.apiCode },
    };
  }
}

/** OpenAI's names for kinds of errors. */
function typeOf(status: number): string {
  if (status === 401) return 'authentication_error';
  if (status === 403) return 'permission_error';
  if (status === 429) return 'rate_limit_error';
  return status >= 500 ? 'server_error' : 'invalid_request_error';
}

export const badRequest = (message: string, param: string | null = null, code = 'invalid_request') =>
  new ApiError(400, code, message, { param });

/** The client went away before its answer was done; nobody reads this. */
export const clientGone = () => new ApiError(499, 'client_gone', 'The client closed the connection.');

export const timedOut = (ms: number) =>
  new ApiError(504, 'timeout', `The request took longer than this server's limit of ${ms / 1000} s.`);

export const shuttingDown = () =>
  new ApiError(503, 'shutting_down', 'The server is shutting down. Ask another replica, or try again.', {
    retryAfter: 5,
  });
