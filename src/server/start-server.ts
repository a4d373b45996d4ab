import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import { InvalidArgumentError } from '../errors.ts';
import { createApp } from './create-app.ts';
import { Service, type ServiceOptions } from './service.ts';

export interface ServerOptions extends ServiceOptions {
  /** Default `127.0.0.1`: this machine only. */
  readonly host?: string;
  /** Default 8080; 0 takes any free port. */
  readonly port?: number;
}

export interface CloseOptions {
  /** Milliseconds that answers under way may take still. Default 30,000. */
  readonly deadlineMs?: number;
  /** Milliseconds to go on as before while `/readyz` says 503, for balancers to notice. Default 0. */
  readonly delayMs?: number;
}

export interface RunningServer extends AsyncDisposable {
  /** e.g. `http://127.0.0.1:8080` */
  readonly url: string;
  readonly port: number;
  readonly service: Service;
  /**
   * Takes no more requests, lets those under way end (queued ones too), then closes; what is not done by the deadline is ended.
   * The engine stays open. Calls after the first wait for the same end.
   *
   * @returns how many requests had to be ended.
   */
  close(options?: CloseOptions): Promise<number>;
}

/** Time to send a whole request's head, and a whole request. */
const HEADERS_MS = 15_000;
const REQUEST_MS = 60_000;
/** How often the two are looked at; Node.js's own 30 s would make them longer. */
const CHECK_MS = 5_000;
/** Longer than the usual balancer's 60 s, or one would send a request into a connection that is being closed. */
const KEEP_ALIVE_MS = 65_000;

/**
 * An OpenAI-compatible server over an engine.
 *
 * @example
 * await using engine = await loadEngine('tiny');
 * await using server = await startServer({ engine, port: 0 });
 * console.log(server.url);
 * @throws InvalidArgumentError for an option out of its range, or a port that is taken.
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { host = '127.0.0.1', port = 8080, ...serviceOptions } = options;
  const service = await Service.open({ ...serviceOptions, allowedHosts: hostNames(host, options) });
  service.metrics.collectProcess();
  const app = createApp(service);
  // What is global stays as it is: others live in this process.
  const server = createAdaptorServer({
    fetch: app.fetch,
    overrideGlobalObjects: false,
    serverOptions: { connectionsCheckingInterval: CHECK_MS },
  }) as Server;
  server.headersTimeout = HEADERS_MS;
  server.requestTimeout = REQUEST_MS;
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  // Of a client that neither reads nor goes away the socket is left, once its request's time is over.
  server.setTimeout(service.limits.requestMs + CHECK_MS);
  await listen(server, host, port);
  const { port: bound } = server.address() as AddressInfo;
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${bound}`;
  service.log.info({ url, model: service.modelName }, 'listening');

  const end = async ({ deadlineMs = 30_000, delayMs = 0 }: CloseOptions = {}): Promise<number> => {
    service.readiness = 'ending';
    if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    const ended = await service.drain(deadlineMs);
    // Answers are written; kept-alive connections have nothing to wait for.
    const idle = setInterval(() => server.closeIdleConnections(), 20);
    const force = setTimeout(() => server.closeAllConnections(), 1000);
    server.closeIdleConnections();
    await closed;
    clearInterval(idle);
    clearTimeout(force);
    await service[Symbol.asyncDispose]();
    service.log.info({ ended }, 'closed');
    return ended;
  };
  let closing: Promise<number> | undefined;
  const close = (closeOptions?: CloseOptions): Promise<number> => {
    closing ??= end(closeOptions);
    return closing;
  };
  return {
    url,
    port: bound,
    service,
    close,
    async [Symbol.asyncDispose]() {
      await close();
    },
  };
}

const loopback = ['127.0.0.1', 'localhost', '[::1]'];

/** On loopback and without keys only this machine's own names pass, see `hostGuard`; elsewhere any, unless some are given. */
function hostNames(host: string, { apiKeys = [], allowedHosts = [] }: ServerOptions): readonly string[] {
  const isLocal = [...loopback, '::1'].includes(host);
  if (allowedHosts.length === 0 && (!isLocal || apiKeys.length > 0)) return [];
  return [...loopback, ...allowedHosts.map((name) => name.toLowerCase())];
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const onError = (cause: NodeJS.ErrnoException) => {
      reject(
        new InvalidArgumentError(
          'port',
          `${host}:${port} cannot be listened on (${cause.code ?? cause.message}). ${remedies[cause.code ?? ''] ?? 'Choose another host or port.'}`,
          {
            cause,
          },
        ),
      );
    };
    server.once('error', onError);
    server.listen(port, host, () => {
      server.off('error', onError);
      resolve();
    });
  });
}

const remedies: Readonly<Record<string, string>> = {
  EADDRINUSE: 'Something else uses the port: choose another, or 0 for any free one.',
  EACCES: 'Ports below 1024 need a right: choose one above.',
  EADDRNOTAVAIL: 'This machine does not have that address.',
};
