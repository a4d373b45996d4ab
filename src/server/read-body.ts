import type { z } from '@hono/zod-openapi';
import { ApiError, badRequest } from './api-error.ts';

/** A body of at most `most` bytes: what says that it is longer is refused unread. @throws ApiError 413; 400 where it breaks off. */
export async function readBody(request: Request, most: number): Promise<Uint8Array> {
  const declared = Number(request.headers.get('content-length') ?? 0);
  if (declared > most) throw tooLarge(most);
  if (request.body === null) return new Uint8Array();
  const parts: Uint8Array[] = [];
  let length = 0;
  const reader = request.body.getReader();
  try {
    while (true) {
      const { done, value } = await reader.read();
      if (done) break;
      length += value.length;
      if (length > most) throw tooLarge(most);
      parts.push(value);
    }
  } catch (error) {
    void reader.cancel().catch(() => {});
    if (error instanceof ApiError) throw error;
    throw badRequest('The body broke off before its end.');
  }
  return Buffer.concat(parts, length);
}

/** @throws ApiError 415 for another content type. */
export function requireContentType(request: Request, types: RegExp, expected: string): void {
  const found = request.headers.get('content-type') ?? '';
  if (types.test(found)) return;
  throw new ApiError(
    415,
    'unsupported_media_type',
    `Send the header "Content-Type: ${expected}", not ${found === '' ? 'none' : JSON.stringify(found.slice(0, 100))}.`,
  );
}

/** A JSON body of a schema. @throws ApiError 415, 413, or 400 naming the field. */
export async function readJson<S extends z.ZodType>(
  request: Request,
  schema: S,
  most: number,
): Promise<z.infer<S>> {
  // Pages of other sites can send texts and forms without asking, but not this.
  requireContentType(request, /^application\/json\s*(;|$)/i, 'application/json');
  const bytes = await readBody(request, most);
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw badRequest('The body is not JSON in UTF-8.', null, 'invalid_json');
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  const param = issue.path.length === 0 ? null : issue.path.join('.');
  throw badRequest(`${param ?? 'The body'}: ${lowerFirst(issue.message)}.`, param);
}

function tooLarge(most: number): ApiError {
  return new ApiError(413, 'body_too_large', `The body is larger than ${most} bytes, this server's limit.`);
}

const lowerFirst = (text: string) => `${text.charAt(0).toLowerCase()}${text.slice(1)}`.replace(/\.$/, '');
