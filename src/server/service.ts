/** Everything that requests share: the engine and what is kept, counted and bounded around it. */
import type { Engine } from '../engine/engine.ts';
import { InvalidArgumentError } from '../errors.ts';
import { type Offset, offsetTokenId } from '../pairs/offset-token.ts';
import { ApiKeys } from './access/api-keys.ts';
import { RateLimit } from './access/rate-limit.ts';
import { Admission } from './admission.ts';
import { PrefixCache } from './answer/prefix-cache.ts';
import { shuttingDown } from './api-error.ts';
import { checkLimits, type ServerLimits } from './limits.ts';
import { Metrics } from './metrics.ts';
import type { RequestScope } from './request-scope.ts';
import type { Telemetry } from './telemetry.ts';
import { VectorStore, type VectorStoreOptions } from './vectors/vector-store.ts';

/** The part of a pino logger that is used. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface ServiceOptions {
  /** Stays the caller's: dispose of it after the server is closed. */
  readonly engine: Engine;
  /** What requests call the model. Default: the engine's name, a path cut to its last part. */
  readonly modelName?: string;
  readonly vectors?: Omit<VectorStoreOptions, 'onProblem'>;
  readonly limits?: Partial<ServerLimits>;
  /** Bytes of keys and values kept of prompts, 0 for none. Default 256 MiB. */
  readonly prefixCacheBytes?: number;
  /** The token that goes after a steered prompt, so that the prompt's own last token can be edited. Default `"\n"`. */
  readonly offset?: Offset;
  /** Any of them lets a request in; none given: every request is let in. */
  readonly apiKeys?: readonly string[];
  /** Requests a minute for each key (all together where there are no keys). Default: no limit. */
  readonly requestsPerMinute?: number;
  /** Origins whose pages may call the server, or `*`. Default none. */
  readonly corsOrigins?: readonly string[];
  /** Names that the Host header may have (without port). None given: any; `startServer` adds this machine's own. */
  readonly allowedHosts?: readonly string[];
  /** Default: nothing is logged. */
  readonly log?: Log;
  /** Log prompts and answers as well. Default false. */
  readonly logPrompts?: boolean;
  readonly telemetry?: Telemetry;
}

const silent: Log = { debug() {}, info() {}, warn() {}, error() {} };

export class Service implements AsyncDisposable {
  readonly engine: Engine;
  readonly modelName: string;
  readonly vectors: VectorStore;
  readonly prefixes: PrefixCache;
  readonly admission: Admission;
  readonly metrics: Metrics;
  readonly limits: ServerLimits;
  readonly offsetToken: number | null;
  readonly keys: ApiKeys | null;
  readonly rateLimit: RateLimit | null;
  readonly corsOrigins: readonly string[];
  readonly allowedHosts: readonly string[] | null;
  readonly log: Log;
  readonly logPrompts: boolean;
  readonly telemetry: Telemetry | undefined;
  readonly created = Math.floor(Date.now() / 1000);
  /** Those under way. */
  readonly requests = new Set<RequestScope>();
  #draining = false;

  /** @throws InvalidArgumentError for a limit out of its range or an offset that is not one token. */
  static async open(options: ServiceOptions): Promise<Service> {
    const limits = checkLimits(options.limits);
    const log = options.log ?? silent;
    const vectors = await VectorStore.open(options.engine, limits, {
      ...options.vectors,
      onProblem: (vector, err) => log.warn({ vector, err }, 'vector left out'),
    });
    return new Service(options, limits, vectors, log);
  }

  private constructor(options: ServiceOptions, limits: ServerLimits, vectors: VectorStore, log: Log) {
    const { engine } = options;
    const prefixBytes = options.prefixCacheBytes ?? 256 * 2 ** 20;
    if (!Number.isSafeInteger(prefixBytes) || prefixBytes < 0) {
      throw new InvalidArgumentError(
        'prefixCacheBytes',
        `prefixCacheBytes must be an integer of 0 or more, not ${prefixBytes}.`,
      );
    }
    this.engine = engine;
    this.modelName = options.modelName ?? lastPart(engine.model.name);
    this.vectors = vectors;
    this.limits = engine.capabilities.batching ? limits : { ...limits, concurrent: 1, choices: 1 };
    this.prefixes = new PrefixCache(engine, prefixBytes);
    this.admission = new Admission(this.limits.concurrent, this.limits.queue);
    this.metrics = new Metrics({ admission: this.admission, prefixes: this.prefixes });
    this.offsetToken = offsetTokenId(options.offset === undefined ? '\n' : options.offset, engine.tokenizer);
    this.keys = options.apiKeys && options.apiKeys.length > 0 ? new ApiKeys(options.apiKeys) : null;
    this.rateLimit =
      options.requestsPerMinute === undefined ? null : new RateLimit(options.requestsPerMinute);
    this.corsOrigins = options.corsOrigins ?? [];
    this.allowedHosts = options.allowedHosts?.length ? options.allowedHosts : null;
    this.log = log;
    this.logPrompts = options.logPrompts ?? false;
    this.telemetry = options.telemetry;
  }

  /** The server ends: `/readyz` says so, and what comes in is refused once {@link drain} was called. */
  readiness: 'ready' | 'ending' = 'ready';

  get isDraining(): boolean {
    return this.#draining;
  }

  /**
   * Takes no more requests and waits for those under way, queued ones included. What is not done by the deadline is ended.
   *
   * @returns how many had to be ended.
   */
  async drain(deadlineMs: number): Promise<number> {
    this.readiness = 'ending';
    this.#draining = true;
    await this.#until(() => this.requests.size === 0, deadlineMs);
    const late = [...this.requests];
    for (const request of late) request.abort(shuttingDown());
    await this.#until(() => this.requests.size === 0, 5000);
    return late.length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.prefixes[Symbol.asyncDispose]();
  }

  async #until(isSo: () => boolean, ms: number): Promise<void> {
    const end = performance.now() + ms;
    while (!isSo() && performance.now() < end) await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** A path tells clients about the server's disk; its last part does not. */
function lastPart(name: string): string {
  const isPath = /^([./~\\]|[A-Za-z]:[\\/])/.test(name);
  return isPath ? (name.split(/[\\/]/).findLast((part) => part !== '') ?? name) : name;
}
