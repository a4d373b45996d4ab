import type { OpenAPIHono } from '@hono/zod-openapi';
import type { AppEnv } from '../app-env.ts';
import { chatJob, chatRequest } from '../openai/chat-request.ts';
import { completionJob, completionRequest } from '../openai/completion-request.ts';
import { chatFormat, completionFormat } from '../openai/response-format.ts';
import { writeAnswer } from '../openai/write-answer.ts';
import { readJson } from '../read-body.ts';
import type { Service } from '../service.ts';

/** `POST /v1/chat/completions` and `POST /v1/completions`. */
export function addAnswerRoutes(app: OpenAPIHono<AppEnv>, service: Service): void {
  const { bodyBytes } = service.limits;
  app.post('/v1/chat/completions', async (c) => {
    const request = await readJson(c.req.raw, chatRequest, bodyBytes);
    return await writeAnswer(chatJob(request, service), chatFormat, service, c.var.scope);
  });
  app.post('/v1/completions', async (c) => {
    const request = await readJson(c.req.raw, completionRequest, bodyBytes);
    return await writeAnswer(completionJob(request, service), completionFormat, service, c.var.scope);
  });
}
