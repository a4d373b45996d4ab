import { type OpenAPIHono, type RouteConfig, z } from '@hono/zod-openapi';
import { steeringReport } from './answer/steering-report.ts';
import type { AppEnv } from './app-env.ts';
import { chatRequest } from './openai/chat-request.ts';
import { completionRequest } from './openai/completion-request.ts';
import { usageObject } from './openai/usage.ts';
import type { Service } from './service.ts';
import { storedGate } from './steering/gate.ts';
import { vectorInfo } from './vectors/vector-info.ts';
import { vectorName } from './vectors/vector-name.ts';

const errorObject = z
  .object({
    error: z.object({
      message: z.string(),
      type: z.string(),
      param: z.string().nullable(),
      code: z.string().nullable(),
    }),
  })
  .openapi('Error');

const finish = z.enum(['stop', 'length']);
const answer = {
  id: z.string(),
  object: z.string(),
  created: z.int(),
  model: z.string(),
  system_fingerprint: z.string(),
};
const rest = { usage: usageObject, steering: steeringReport.optional() };

const chatAnswer = z
  .object({
    ...answer,
    choices: z.array(
      z.object({
        index: z.int(),
        message: z.object({ role: z.literal('assistant'), content: z.string() }),
        logprobs: z.looseObject({}).nullable(),
        finish_reason: finish,
      }),
    ),
    ...rest,
  })
  .openapi('ChatCompletion');

const textAnswer = z
  .object({
    ...answer,
    choices: z.array(
      z.object({
        index: z.int(),
        text: z.string(),
        logprobs: z.looseObject({}).nullable(),
        finish_reason: finish,
      }),
    ),
    ...rest,
  })
  .openapi('Completion');

const model = z
  .object({ id: z.string(), object: z.literal('model'), created: z.int(), owned_by: z.string() })
  .openapi('Model');
const listOf = <T extends z.ZodType>(item: T) => z.object({ object: z.literal('list'), data: z.array(item) });
const name = z.object({
  name: z.string().regex(vectorName).openapi({ description: 'or the SHA-256 of the file' }),
});
const file = { 'application/octet-stream': { schema: { type: 'string', format: 'binary' } as const } };
const json = <T>(schema: T) => ({ 'application/json': { schema } });
const ok = <T>(schema: T, description = 'OK') => ({ 200: { description, content: json(schema) } });
const failed = { default: { description: 'Refused or failed', content: json(errorObject) } };
const stream = { 'text/event-stream': { schema: { type: 'string' } as const } };

type Route = RouteConfig & { readonly needsKey?: boolean };

const routes: readonly Route[] = [
  {
    method: 'post',
    path: '/v1/chat/completions',
    summary: 'Answer a conversation, plain or steered',
    request: { body: { required: true, content: json(chatRequest) } },
    responses: {
      200: {
        description: 'The answer, or with stream: true its events',
        content: { ...json(chatAnswer), ...stream },
      },
    },
  },
  {
    method: 'post',
    path: '/v1/completions',
    summary: 'Continue a text, plain or steered',
    request: { body: { required: true, content: json(completionRequest) } },
    responses: {
      200: {
        description: 'The answer, or with stream: true its events',
        content: { ...json(textAnswer), ...stream },
      },
    },
  },
  {
    method: 'get',
    path: '/v1/models',
    summary: 'The model, alone and with each vector',
    responses: ok(listOf(model)),
  },
  {
    method: 'get',
    path: '/v1/models/{id}',
    summary: 'Whether a name can be used as a model',
    request: { params: z.object({ id: z.string() }) },
    responses: ok(model),
  },
  {
    method: 'get',
    path: '/v1/vectors',
    summary: 'The vectors for this model',
    responses: ok(listOf(vectorInfo)),
  },
  {
    method: 'get',
    path: '/v1/vectors/{name}',
    summary: 'One vector',
    request: { params: name },
    responses: ok(vectorInfo),
  },
  {
    method: 'get',
    path: '/v1/vectors/{name}/content',
    summary: "A vector's file (safetensors)",
    request: { params: name },
    responses: { 200: { description: 'OK', content: file } },
  },
  {
    method: 'put',
    path: '/v1/vectors/{name}',
    summary: 'Store a vector file (safetensors, as kvsteer extract writes it)',
    request: { params: name, body: { required: true, content: file } },
    responses: { ...ok(vectorInfo, 'Replaced'), 201: { description: 'Stored', content: json(vectorInfo) } },
  },
  {
    method: 'delete',
    path: '/v1/vectors/{name}',
    summary: 'Delete a vector',
    request: { params: name },
    responses: ok(z.object({ id: z.string(), object: z.literal('vector'), deleted: z.literal(true) })),
  },
  {
    method: 'put',
    path: '/v1/vectors/{name}/gate',
    summary: 'Steer with this vector only where a gate says so',
    request: { params: name, body: { required: true, content: json(storedGate) } },
    responses: ok(vectorInfo),
  },
  {
    method: 'delete',
    path: '/v1/vectors/{name}/gate',
    summary: 'Take the gate away',
    request: { params: name },
    responses: ok(vectorInfo),
  },
  {
    method: 'get',
    path: '/healthz',
    summary: 'The process answers',
    needsKey: false,
    responses: ok(z.looseObject({})),
  },
  {
    method: 'get',
    path: '/readyz',
    summary: 'Whether to send requests here',
    needsKey: false,
    responses: { ...ok(z.looseObject({})), 503: { description: 'Ending', content: json(z.looseObject({})) } },
  },
  {
    method: 'get',
    path: '/metrics',
    summary: 'Prometheus metrics',
    responses: { 200: { description: 'OK', content: { 'text/plain': { schema: { type: 'string' } } } } },
  },
];

/** `GET /openapi.json`: every route and every field. */
export function describeApi(app: OpenAPIHono<AppEnv>, { keys }: Service): void {
  const registry = app.openAPIRegistry;
  if (keys !== null) registry.registerComponent('securitySchemes', 'key', { type: 'http', scheme: 'bearer' });
  for (const { needsKey = true, ...route } of routes) {
    registry.registerPath({
      ...route,
      responses: { ...route.responses, ...failed },
      ...(keys !== null && needsKey && { security: [{ key: [] }] }),
    });
  }
  app.doc31('/openapi.json', {
    openapi: '3.1.0',
    info: {
      title: 'kvsteer',
      version: '1',
      description: 'An OpenAI-compatible server that steers each answer by one edit of its KV cache.',
    },
  });
}
