import { UploadError } from '../errors.ts';
import { withoutQuery } from '../models/http.ts';

const maxAnswerBytes = 2 ** 22;
/** A vector is some megabytes: minutes are for slow lines. */
const timeoutMs = 300_000;

/**
 * `fetch` for uploads through the hub's library: answers are bounded, nothing waits for ever, and no redirect carries the
 * token or the file elsewhere.
 */
export function hubFetch(signal: AbortSignal | undefined): typeof fetch {
  return async (input, init) => {
    const timeout = AbortSignal.timeout(timeoutMs);
    const signals = [timeout, ...(signal ? [signal] : []), ...(init?.signal ? [init.signal] : [])];
    const response = await fetch(input, { ...init, redirect: 'error', signal: AbortSignal.any(signals) });
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of response.body ?? []) {
      bytes += chunk.length;
      if (bytes > maxAnswerBytes) {
        throw new UploadError(
          `${withoutQuery(String(input))} answers with more than ${maxAnswerBytes} bytes.`,
        );
      }
      chunks.push(chunk);
    }
    const empty = [101, 204, 205, 304].includes(response.status);
    const { status, headers } = response;
    return new Response(empty ? null : Buffer.concat(chunks), { status, headers: withoutEncoding(headers) });
  };
}

/** The body is decoded already. */
function withoutEncoding(headers: Headers): Headers {
  const copy = new Headers(headers);
  copy.delete('content-encoding');
  copy.delete('content-length');
  return copy;
}
