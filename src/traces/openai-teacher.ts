import type { APIError } from 'openai';
import { z } from 'zod';
import { InvalidArgumentError, TeacherError } from '../errors.ts';
import { retryAfterMs } from './pace.ts';
import type { Teacher, TeacherReply, TeacherRequest } from './teacher.ts';

const OPENAI_URL = 'https://api.openai.com/v1';
/** A trace is a few kilobytes; a server that sends more is broken. */
const MAX_BODY_BYTES = 4 * 2 ** 20;

export interface OpenAiTeacherOptions {
  /** Default `gpt-4o`. */
  readonly model?: string;
  /** Default `$OPENAI_BASE_URL`, else OpenAI's. */
  readonly baseUrl?: string;
  /** Default `$OPENAI_API_KEY`. A server other than OpenAI's may need none. */
  readonly apiKey?: string;
  /** Milliseconds for a whole answer. Default 120,000. */
  readonly timeoutMs?: number;
}

const replySchema = z.object({
  model: z.string().max(200).optional(),
  choices: z
    .array(
      z.object({
        message: z.object({ content: z.string().nullish() }),
        finish_reason: z.string().nullish(),
      }),
    )
    .min(1),
  usage: z
    .object({
      prompt_tokens: z.number().int().nonnegative(),
      completion_tokens: z.number().int().nonnegative(),
    })
    .nullish(),
});

/**
 * A teacher behind an OpenAI-compatible endpoint, e.g. vLLM, llama.cpp or OpenAI itself. It asks once a call: the client's own
 * retries are off, so that one policy decides.
 *
 * @throws InvalidArgumentError where the base URL is none, or OpenAI is to be asked without a key.
 */
export async function openAiTeacher(options: OpenAiTeacherOptions = {}): Promise<Teacher> {
  const { OPENAI_BASE_URL = '', OPENAI_API_KEY = '' } = process.env;
  const { model = 'gpt-4o', timeoutMs = 120_000 } = options;
  const baseURL = options.baseUrl ?? (OPENAI_BASE_URL.trim() || OPENAI_URL);
  const apiKey = options.apiKey ?? OPENAI_API_KEY.trim();
  const place = placeOf(baseURL);
  if (apiKey === '' && place === OPENAI_URL) {
    throw new InvalidArgumentError(
      'apiKey',
      'OpenAI needs a key: set OPENAI_API_KEY. For another server, give its base URL, e.g. http://localhost:8000/v1.',
    );
  }
  const { default: OpenAI } = await import('openai');
  const client = new OpenAI({
    baseURL,
    // The client insists on one; a server without keys does not look.
    apiKey: apiKey || 'none',
    maxRetries: 0,
    timeout: timeoutMs,
    logLevel: 'off',
    fetch: boundedFetch,
  });
  /** Asked for by name in newer models, refused in older servers: learnt from the first answer. */
  const dialect = { limit: 'max_tokens' as 'max_tokens' | 'max_completion_tokens', temperature: true };

  const send = async (request: TeacherRequest, signal: AbortSignal): Promise<unknown> =>
    client.chat.completions.create(
      {
        model,
        messages: request.messages as { role: 'user'; content: string }[],
        [dialect.limit]: request.maxTokens,
        ...(dialect.temperature && { temperature: request.temperature }),
      },
      { signal },
    );

  const ask = async (request: TeacherRequest, signal: AbortSignal): Promise<TeacherReply> => {
    signal.throwIfAborted();
    // The client's own timeout ends with the headers; a body can stall as well.
    const stop = new AbortController();
    const forward = () => stop.abort();
    signal.addEventListener('abort', forward, { once: true });
    const timer = setTimeout(forward, timeoutMs);
    try {
      for (;;) {
        try {
          return replyOf(await send(request, stop.signal), model);
        } catch (error) {
          if (!(error instanceof OpenAI.APIError) || !adapt(dialect, error)) throw error;
        }
      }
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof TeacherError) throw error;
      if (stop.signal.aborted || error instanceof OpenAI.APIConnectionTimeoutError) {
        const seconds = Number((timeoutMs / 1000).toPrecision(3));
        throw new TeacherError('passing', `${place} did not finish its answer in ${seconds} s.`, {
          mayBeBilled: true,
          cause: error,
        });
      }
      const isStatus = error instanceof OpenAI.APIError && error.status !== undefined;
      throw isStatus ? statusError(error, place, model, apiKey) : networkError(error, place);
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', forward);
    }
  };
  return { model, identity: `${model} at ${place}`, ask };
}

/** The base URL without what could be secret in it. */
function placeOf(baseUrl: string): string {
  const url = URL.canParse(baseUrl) ? new URL(baseUrl) : null;
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new InvalidArgumentError(
      'baseUrl',
      'The base URL of the teacher must begin with http:// or https://, e.g. http://localhost:8000/v1.',
    );
  }
  return (url.origin + url.pathname).replace(/\/+$/, '');
}

const boundedFetch: typeof fetch = async (input, init) => {
  const response = await fetch(input, init);
  if (response.body === null) return response;
  let received = 0;
  const bound = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      received += chunk.byteLength;
      if (received <= MAX_BODY_BYTES) controller.enqueue(chunk);
      else
        controller.error(
          new TeacherError('passing', `The teacher's answer is larger than ${MAX_BODY_BYTES} bytes.`, {
            mayBeBilled: true,
          }),
        );
    },
  });
  const { status, statusText, headers } = response;
  return new Response(response.body.pipeThrough(bound), { status, statusText, headers });
};

function replyOf(body: unknown, asked: string): TeacherReply {
  const parsed = replySchema.safeParse(body);
  if (!parsed.success) {
    throw new TeacherError('passing', 'The teacher sent something that is no chat completion.', {
      mayBeBilled: true,
      cause: parsed.error,
    });
  }
  const { choices, model = asked, usage } = parsed.data;
  const { message, finish_reason } = choices[0]!;
  return {
    text: message.content ?? '',
    isCut: finish_reason === 'length' || finish_reason === 'content_filter',
    model,
    usage: usage ? { prompt: usage.prompt_tokens, completion: usage.completion_tokens } : null,
  };
}

/** Whether a refusal only says that this model knows a parameter by another name, or not at all. */
function adapt(
  dialect: { limit: string; temperature: boolean },
  { status, param, message }: APIError,
): boolean {
  if (status !== 400) return false;
  const names = (name: string) => param === name || (param == null && message.includes(`'${name}'`));
  if (dialect.limit === 'max_tokens' && names('max_tokens')) {
    dialect.limit = 'max_completion_tokens';
    return true;
  }
  if (dialect.temperature && names('temperature')) {
    dialect.temperature = false;
    return true;
  }
  return false;
}

function statusError(error: APIError, place: string, model: string, key: string): TeacherError {
  const status = error.status as number;
  // Some servers repeat the key that they were sent.
  const said = key === '' ? error.message : error.message.replaceAll(key, '[key]');
  const message = `${place} answered ${said.slice(0, 300)}`;
  const details = { status, retryAfterMs: error.headers ? retryAfterMs(error.headers) : null };
  const isOutOfFunds = status === 402 || /insufficient_quota|billing/.test(`${error.code} ${error.type}`);
  if (isOutOfFunds) return new TeacherError('fatal', `${message}. Look at the account's balance.`, details);
  if (status === 401 || status === 403) {
    return new TeacherError(
      'fatal',
      `${message}. Check OPENAI_API_KEY, and that it may use ${model}.`,
      details,
    );
  }
  if (status === 404) {
    return new TeacherError(
      'fatal',
      `${message}. Check the base URL and the model's name, ${model}.`,
      details,
    );
  }
  const isPassing = status === 408 || status === 409 || status === 425 || status === 429 || status >= 500;
  return new TeacherError(isPassing ? 'passing' : 'refused', message, details);
}

/** Codes of connections that were never made: nothing was asked. */
const unconnected = ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'UND_ERR_CONNECT_TIMEOUT'];

function networkError(error: unknown, place: string): TeacherError {
  const causes: unknown[] = [];
  for (let at = error; at instanceof Error && causes.length < 5; at = at.cause) causes.push(at);
  // The bound on the body arrives wrapped.
  const known = causes.find((cause) => cause instanceof TeacherError);
  if (known instanceof TeacherError) return known;
  const codes = causes.map((cause) => (cause as NodeJS.ErrnoException).code);
  const last = causes.at(-1);
  const why = last instanceof Error ? last.message || String(codes.at(-1)) : String(error);
  return new TeacherError('passing', `${place} broke off or could not be reached: ${why}`, {
    mayBeBilled: !codes.some((code) => code !== undefined && unconnected.includes(code)),
    cause: error,
  });
}
