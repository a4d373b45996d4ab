import { randomUUID } from 'node:crypto';
import { OpenAPIHono } from '@hono/zod-openapi';
import { routePath } from 'hono/route';
import { corsGuard, hostGuard, keyGuard, rateGuard } from './access/guard.ts';
import { ApiError } from './api-error.ts';
import type { AppEnv } from './app-env.ts';
import { describeApi } from './openapi.ts';
import { RequestScope } from './request-scope.ts';
import { addAnswerRoutes } from './routes/answers.ts';
import { addHealthRoutes, addMetricsRoute } from './routes/health.ts';
import { addModelRoutes } from './routes/models.ts';
import { addVectorRoutes } from './routes/vectors.ts';
import type { Service } from './service.ts';
import { toApiError } from './to-api-error.ts';

/**
 * The server's routes over a service, without a socket: `app.request(...)` answers in tests, and any runtime that serves a
 * `fetch` can serve it.
 *
 * @example
 * const app = createApp(await Service.open({ engine }));
 * const response = await app.request('/v1/models');
 */
export function createApp(service: Service): OpenAPIHono<AppEnv> {
  const app = new OpenAPIHono<AppEnv>();
  app.use(async (c, next) => {
    const asked = c.req.header('x-request-id');
    const id = asked !== undefined && /^[\w.-]{1,64}$/.test(asked) ? asked : randomUUID().replaceAll('-', '');
    const { method } = c.req;
    const traced = Object.fromEntries(
      ['traceparent', 'tracestate'].flatMap((name) => {
        const value = c.req.header(name);
        return value === undefined ? [] : [[name, value] as const];
      }),
    );
    const span = service.telemetry?.startRequest(
      `${method} ${c.req.path}`,
      { 'http.request.method': method },
      traced,
    );
    const scope = new RequestScope(
      id,
      service,
      {
        method,
        route: () => routeOf(routePath(c, -1)),
        signal: c.req.raw.signal,
        socket: c.env?.incoming?.socket,
      },
      span,
    );
    c.set('scope', scope);
    c.header('x-request-id', id);
    c.header('x-content-type-options', 'nosniff');
    await next();
    if (service.isDraining) c.header('connection', 'close');
    if (!scope.isStreaming) scope.end(c.res.status, c.error);
  });
  app.use(hostGuard(service));
  app.use(corsGuard(service));
  addHealthRoutes(app, service);
  app.use('/v1/*', keyGuard(service), rateGuard(service));
  app.use('/metrics', keyGuard(service));
  addMetricsRoute(app, service);
  addAnswerRoutes(app, service);
  addModelRoutes(app, service);
  addVectorRoutes(app, service);
  describeApi(app, service);

  app.notFound((c) => {
    const error = new ApiError(
      404,
      'route_not_found',
      `There is no ${c.req.method} ${c.req.path.slice(0, 200)} here. GET /openapi.json lists what there is.`,
    );
    return c.json(error.body, 404);
  });
  app.onError((error, c) => {
    const told = toApiError(error, c.var.scope?.id ?? '');
    if (told.retryAfter !== null) c.header('retry-after', String(told.retryAfter));
    return c.json(told.body, told.status as 400);
  });
  return app;
}

/** Requests that no route took are counted as one, or their paths would fill the metrics. */
function routeOf(pattern: string): string {
  return pattern.endsWith('*') ? 'none' : pattern;
}
