import { type RunningJob, startJob } from '../answer/run-job.ts';
import type { TokenPiece } from '../answer/token-pieces.ts';
import { clientGone } from '../api-error.ts';
import type { RequestScope } from '../request-scope.ts';
import type { Service } from '../service.ts';
import { toApiError } from '../to-api-error.ts';
import type { Job } from './job.ts';
import type { ResponseFormat } from './response-format.ts';
import { toUsage } from './usage.ts';

/** An answer on its way. */
interface Answering {
  readonly job: Job;
  readonly format: ResponseFormat;
  readonly running: RunningJob;
  readonly service: Service;
  readonly scope: RequestScope;
  /** What every object of the answer says. */
  readonly base: {
    readonly id: string;
    readonly created: number;
    readonly model: string;
    readonly system_fingerprint: string;
  };
}

/** Runs a job and answers, whole or as a stream of server-sent events. @throws as `startJob`. */
export async function writeAnswer(
  job: Job,
  format: ResponseFormat,
  service: Service,
  scope: RequestScope,
): Promise<Response> {
  const { model, tokenizer, capabilities } = service.engine;
  scope.note({ model: job.model, stream: job.stream });
  if (service.logPrompts) scope.note({ prompts: job.prompts.map(({ tokens }) => tokenizer.decode(tokens)) });
  const running = await startJob(job, service, scope);
  const base = {
    id: `${format.idPrefix}${scope.id}`,
    created: Math.floor(Date.now() / 1000),
    model: job.model,
    system_fingerprint: `fp_${model.fingerprint.slice(0, 12)}_${capabilities.precision}`,
  };
  const answering: Answering = { job, format, running, service, scope, base };
  if (!job.stream) return Response.json(await wholeAnswer(answering));
  scope.isStreaming = true;
  return new Response(answerStream(answering), {
    headers: {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache',
      // nginx would collect the stream otherwise
      'x-accel-buffering': 'no',
    },
  });
}

async function wholeAnswer({ job, format, running, service, scope, base }: Answering): Promise<object> {
  await using _ = running;
  const choices = Array.from({ length: running.choices }, () => ({
    text: '',
    pieces: [] as TokenPiece[],
    finish: 'stop' as 'stop' | 'length',
  }));
  for await (const { choice, text, pieces, finish } of running.events()) {
    const whole = choices[choice]!;
    whole.text += text;
    whole.pieces.push(...pieces);
    if (finish !== null) whole.finish = finish;
  }
  if (service.logPrompts) scope.note({ answers: choices.map(({ text }) => text) });
  return {
    ...base,
    object: format.wholeObject,
    choices: choices.map(({ pieces, ...choice }, index) =>
      format.whole(index, { ...choice, pieces: job.generation.logprobs ? pieces : null }),
    ),
    usage: toUsage(running.usage),
    ...(running.report && { steering: running.report }),
  };
}

/**
 * The stream never fails itself: what goes wrong is its last event. Each pull gives one event, so a slow reader slows down
 * its own rows only; one that reads nothing any more holds them until the request's time is over.
 */
function answerStream(answering: Answering): ReadableStream<Uint8Array> {
  const { running, scope } = answering;
  const lines = eventLines(answering);
  const encoder = new TextEncoder();
  let isPulling = false;
  let isCancelled = false;
  let ended: Promise<void> | undefined;
  const end = (controller: ReadableStreamDefaultController<Uint8Array> | null, failure?: unknown) => {
    ended ??= (async () => {
      await running[Symbol.asyncDispose]();
      const error = failure === undefined ? null : toApiError(failure, scope.id);
      scope.end(error?.status ?? 200, failure);
      // Nothing can be written for a client that went away.
      if (isCancelled || (error?.status === 499 && scope.signal.aborted)) return;
      if (error !== null) controller?.enqueue(encoder.encode(data(error.body)));
      controller?.close();
    })();
    return ended;
  };
  return new ReadableStream({
    start(controller) {
      const onAbort = async () => {
        // A pull that waits for the engine fails by itself.
        if (isPulling) return;
        await lines.return().catch(() => {});
        await end(controller, scope.signal.reason);
      };
      scope.signal.addEventListener('abort', onAbort, { once: true });
    },
    async pull(controller) {
      isPulling = true;
      try {
        const { done, value } = await lines.next();
        // Whoever ended the lines early says why.
        if (done) return;
        controller.enqueue(encoder.encode(value));
        if (value === lastLine) await end(controller);
      } catch (error) {
        await end(controller, scope.signal.aborted ? scope.signal.reason : error);
      } finally {
        isPulling = false;
      }
    },
    async cancel() {
      isCancelled = true;
      const reason = clientGone();
      scope.abort(reason);
      await lines.return().catch(() => {});
      // A stream that was never begun has nothing to return from: its rows are freed here.
      await end(null, reason);
    },
  });
}

async function* eventLines(answering: Answering): AsyncGenerator<string, void, undefined> {
  const { job, format, running, service, scope, base } = answering;
  const usage = job.includeUsage ? { usage: null } : {};
  const answers = Array.from({ length: running.choices }, () => '');
  let report: object = running.report === null ? {} : { steering: running.report };
  const line = (choice: object) => {
    const written = data({ ...base, object: format.chunkObject, choices: [choice], ...usage, ...report });
    // Said once, in the first chunk.
    report = {};
    return written;
  };
  for (let index = 0; index < running.choices; index++) {
    const opening = format.opening(index);
    if (opening !== null) yield line(opening);
  }
  for await (const { choice, text, pieces, finish } of running.events()) {
    if (service.logPrompts) answers[choice] += text;
    const shown = job.generation.logprobs ? pieces : null;
    if (text !== '' || pieces.length > 0)
      yield line(format.part(choice, { text, pieces: shown, finish: null }));
    // OpenAI's last chunk of an answer has no text.
    if (finish !== null) yield line(format.part(choice, { text: '', pieces: null, finish }));
  }
  if (service.logPrompts) scope.note({ answers });
  if (job.includeUsage) {
    yield data({ ...base, object: format.chunkObject, choices: [], usage: toUsage(running.usage) });
  }
  yield lastLine;
}

const lastLine = 'data: [DONE]\n\n';
const data = (value: object) => `data: ${JSON.stringify(value)}\n\n`;
