import type { OpenAPIHono } from '@hono/zod-openapi';
import type { AppEnv } from '../app-env.ts';
import { readBody, readJson, requireContentType } from '../read-body.ts';
import type { Service } from '../service.ts';
import { storedGate } from '../steering/gate.ts';
import { toVectorInfo } from '../vectors/vector-info.ts';

/** `/v1/vectors`: list, look at, fetch, store, delete; and the gate of one. */
export function addVectorRoutes(app: OpenAPIHono<AppEnv>, service: Service): void {
  const { vectors, limits } = service;
  app.get('/v1/vectors', async (c) =>
    c.json({ object: 'list', data: (await vectors.list()).map(toVectorInfo) }),
  );
  app.get('/v1/vectors/:name', async (c) => {
    const stored = await vectors.get(c.req.param('name'));
    return c.json(toVectorInfo(stored), 200, { etag: `"${stored.sha256}"` });
  });
  app.get('/v1/vectors/:name/content', async (c) => {
    const bytes = await vectors.bytes(c.req.param('name'));
    return c.body(bytes as Uint8Array<ArrayBuffer>, 200, { 'content-type': 'application/octet-stream' });
  });
  app.put('/v1/vectors/:name', async (c) => {
    requireContentType(
      c.req.raw,
      /^application\/(octet-stream|x-safetensors)\s*(;|$)/i,
      'application/octet-stream',
    );
    const bytes = await readBody(c.req.raw, limits.vectorBytes);
    const { stored, created } = await vectors.put(c.req.param('name'), bytes);
    c.var.scope.note({ vector: stored.name, sha256: stored.sha256 });
    return c.json(toVectorInfo(stored), created ? 201 : 200, { etag: `"${stored.sha256}"` });
  });
  app.delete('/v1/vectors/:name', async (c) => {
    const name = c.req.param('name');
    await vectors.delete(name);
    c.var.scope.note({ vector: name });
    return c.json({ id: name, object: 'vector', deleted: true });
  });
  app.put('/v1/vectors/:name/gate', async (c) => {
    const gate = await readJson(c.req.raw, storedGate, limits.bodyBytes);
    return c.json(toVectorInfo(await vectors.putGate(c.req.param('name'), gate)));
  });
  app.delete('/v1/vectors/:name/gate', async (c) =>
    c.json(toVectorInfo(await vectors.putGate(c.req.param('name'), null))),
  );
}
