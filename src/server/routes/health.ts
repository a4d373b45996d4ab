import type { OpenAPIHono } from '@hono/zod-openapi';
import type { AppEnv } from '../app-env.ts';
import type { Service } from '../service.ts';

/** `/healthz` (the process answers) and `/readyz` (send it requests). */
export function addHealthRoutes(app: OpenAPIHono<AppEnv>, service: Service): void {
  app.get('/healthz', (c) => c.json({ status: 'ok' }));
  app.get('/readyz', (c) =>
    service.readiness === 'ready'
      ? c.json({ status: 'ready', model: service.modelName })
      : c.json({ status: 'ending' }, 503),
  );
}

/** `/metrics`, as Prometheus reads it. */
export function addMetricsRoute(app: OpenAPIHono<AppEnv>, { metrics: { registry } }: Service): void {
  app.get('/metrics', async (c) =>
    c.text(await registry.metrics(), 200, { 'content-type': registry.contentType }),
  );
}
