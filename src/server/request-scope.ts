import { setMaxListeners } from 'node:events';
import type { Socket } from 'node:net';
import { clientGone, timedOut } from './api-error.ts';
import type { Service } from './service.ts';
import type { TelemetrySpan } from './telemetry.ts';

type Fact = string | number | boolean | null | readonly string[];

/**
 * One request from arrival to last byte: its id, its signal, what is logged of it. A stream outlives its handler, so whoever
 * writes the last byte calls `end`.
 */
export class RequestScope {
  readonly id: string;
  readonly arrived = performance.now();
  /** Whose key it came with; one name for all where keys are not asked for. */
  owner = 'anonymous';
  /** The answer goes on after the handler. */
  isStreaming = false;
  readonly #service: Service;
  readonly #controller = new AbortController();
  readonly #timer: NodeJS.Timeout;
  readonly #request: {
    readonly method: string;
    readonly route: () => string;
    readonly signal: AbortSignal;
    readonly socket?: Socket | undefined;
  };
  readonly #span: TelemetrySpan | undefined;
  readonly #onGone = () => this.#controller.abort(clientGone());
  #facts: Record<string, Fact> = {};
  #ended = false;

  constructor(
    id: string,
    service: Service,
    request: {
      readonly method: string;
      /** The route's pattern, known once it was found. */
      readonly route: () => string;
      /** Aborted when the client goes away. */
      readonly signal: AbortSignal;
      /** Closes when the client goes away: a request that was sent behind another on its connection learns it from here alone. */
      readonly socket?: Socket | undefined;
    },
    span?: TelemetrySpan,
  ) {
    this.id = id;
    this.#service = service;
    this.#request = request;
    this.#span = span;
    // Each answer of the request listens.
    setMaxListeners(0, this.#controller.signal);
    const { requestMs } = service.limits;
    this.#timer = setTimeout(() => this.#controller.abort(timedOut(requestMs)), requestMs);
    request.signal.addEventListener('abort', this.#onGone, { once: true });
    request.socket?.once('close', this.#onGone);
    if (request.signal.aborted || request.socket?.destroyed) this.#onGone();
    service.requests.add(this);
  }

  /** Aborted when the client goes, the time is over or the server ends. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  abort(reason: unknown): void {
    this.#controller.abort(reason);
  }

  /** For the log and the trace. */
  note(facts: Record<string, Fact>): void {
    Object.assign(this.#facts, facts);
  }

  end(status: number, error?: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#request.signal.removeEventListener('abort', this.#onGone);
    this.#request.socket?.off('close', this.#onGone);
    const { log, metrics, requests } = this.#service;
    const { method } = this.#request;
    const route = this.#request.route();
    const ms = performance.now() - this.arrived;
    metrics.requests.inc({ route, method, status: String(status) });
    metrics.requestSeconds.observe({ route }, ms / 1000);
    const line = {
      id: this.id,
      method,
      route,
      status,
      ms: Math.round(ms * 10) / 10,
      key: this.owner,
      ...this.#facts,
    };
    if (status >= 500 && status !== 503 && status !== 504)
      log.error({ ...line, err: error }, 'request failed');
    // Probes and scrapes come by the minute.
    else if (route.startsWith('/v1/')) log.info(line, 'request');
    else log.debug(line, 'request');
    this.#span?.set({ 'http.response.status_code': status, 'http.route': route, ...textFacts(this.#facts) });
    this.#span?.end(status >= 500 ? error : undefined);
    requests.delete(this);
  }
}

function textFacts(facts: Record<string, Fact>): Record<string, string | number | boolean> {
  const entries = Object.entries(facts).filter(([, value]) => value !== null);
  return Object.fromEntries(
    entries.map(([name, value]) => [
      `kvsteer.${name}`,
      Array.isArray(value) ? value.join() : (value as string),
    ]),
  );
}
