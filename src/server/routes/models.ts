import type { OpenAPIHono } from '@hono/zod-openapi';
import type { AppEnv } from '../app-env.ts';
import type { Service } from '../service.ts';
import { steeringOf } from '../steering/model-name.ts';

/** `GET /v1/models`: the model, and the model with each vector, for clients that let people choose from a list. */
export function addModelRoutes(app: OpenAPIHono<AppEnv>, service: Service): void {
  const { modelName, vectors, created, limits } = service;
  const entry = (id: string) => ({ id, object: 'model', created, owned_by: 'kvsteer' });
  app.get('/v1/models', async (c) => {
    const names = (await vectors.list()).map(({ name }) => `${modelName}+${name}`);
    return c.json({ object: 'list', data: [modelName, ...names].map(entry) });
  });
  app.get('/v1/models/:id{.+}', async (c) => {
    const id = c.req.param('id');
    for (const { vector } of steeringOf({ model: id }, modelName, limits.steeringVectors)) {
      await vectors.get(vector, 'model');
    }
    return c.json(entry(id));
  });
}
