import type { GenerateEvent, KvCache } from '../../engine/engine.ts';
import type { Job } from '../openai/job.ts';
import type { RequestScope } from '../request-scope.ts';
import type { Service } from '../service.ts';
import { resolveSteering } from '../steering/resolve-steering.ts';
import { mergeStreams } from './merge-streams.ts';
import { type PreparedAnswer, prepareAnswer } from './prepare-answer.ts';
import { reportOf, type SteeringReport } from './steering-report.ts';
import { type TokenPiece, TokenPieces } from './token-pieces.ts';

export interface AnswerEvent {
  /** Index of the answer: prompt times n, plus the answer's own. */
  readonly choice: number;
  readonly text: string;
  /** Empty unless log-probabilities were asked for. */
  readonly pieces: readonly TokenPiece[];
  /** On an answer's last event. */
  readonly finish: 'stop' | 'length' | null;
}

export interface Usage {
  readonly promptTokens: number;
  readonly cachedTokens: number;
  readonly completionTokens: number;
}

/** A request whose prompts are read: what is left is to decode. Disposal frees its rows and its places, whatever has happened. */
export interface RunningJob extends AsyncDisposable {
  readonly choices: number;
  /** Null where the request says nothing of steering. */
  readonly report: SteeringReport | null;
  readonly usage: Usage;
  /** To be iterated once. Leaving early stops the work. */
  events(): AsyncGenerator<AnswerEvent, void, undefined>;
}

/**
 * Waits for a place, reads the prompts and makes the edits. Errors up to here have a status of their own, streams included.
 *
 * @throws ApiError; what the engine throws.
 */
export async function startJob(job: Job, service: Service, scope: RequestScope): Promise<RunningJob> {
  const { engine, prefixes, admission, metrics, offsetToken } = service;
  const { signal, owner } = scope;
  // What is wrong with the request is said before it waits.
  const steering = await resolveSteering(job.steering, service.vectors, job.steeringParam);
  const choices = job.prompts.length * job.n;
  const waitedFrom = performance.now();
  const leave = await admission.enter(choices, signal);
  metrics.queueSeconds.observe((performance.now() - waitedFrom) / 1000);
  const answers: PreparedAnswer[] = [];
  const dispose = async () => {
    await Promise.all(answers.map((answer) => answer[Symbol.asyncDispose]()));
    leave();
  };
  try {
    for (const prompt of job.prompts) {
      const options = { engine, prefixes, offsetToken, choices: job.n, owner, signal };
      answers.push(await prepareAnswer(prompt, steering, options));
    }
  } catch (error) {
    await dispose();
    throw error;
  }
  const report = steering.length > 0 ? reportOf(answers) : null;
  const promptTokens = job.prompts.reduce((sum, { tokens }) => sum + tokens.length, 0);
  const cachedTokens = answers.reduce((sum, answer) => sum + answer.cachedTokens, 0);
  const steered = answers.some(({ applied }) => applied.length > 0);
  metrics.generations.inc({ steered: String(steered) });
  metrics.promptTokens.inc(promptTokens);
  metrics.cachedTokens.inc(cachedTokens);
  scope.note({
    steered,
    prompt_tokens: promptTokens,
    cached_tokens: cachedTokens,
    queue_ms: Math.round(performance.now() - waitedFrom),
    ...(report && { vectors: report.applied.map(({ vector, values }) => `${vector}@${values}`) }),
  });

  const eosTokenIds = job.generation.eosTokenIds ?? engine.tokenizer.eosTokenIds;
  let completionTokens = 0;
  const decode = async function* (
    answer: PreparedAnswer,
    cache: KvCache,
    choice: number,
  ): AsyncGenerator<AnswerEvent, void, undefined> {
    const isSteered = answer.applied.length > 0;
    const pieces = job.generation.logprobs ? new TokenPieces(engine.tokenizer) : null;
    const ended = metrics.beginDecoding();
    let length = 0;
    let last: number | null = null;
    try {
      for await (const event of engine.generate(cache, {
        ...job.generation,
        feed: answer.feed,
        history: answer.history,
        ...(job.seed !== null && { seed: job.seed + choice }),
        signal,
      })) {
        length += event.text.length;
        if (event.type === 'token') {
          const now = performance.now();
          metrics.sawToken(isSteered, last === null ? null : now - last, now - scope.arrived);
          if (last === null && choice === 0) scope.note({ first_token_ms: Math.round(now - scope.arrived) });
          last = now;
          completionTokens++;
          const isEnd = eosTokenIds.includes(event.token);
          if (!isEnd) pieces?.push(event.token, event.logprob!);
          if (event.text === '') continue;
          yield { choice, text: event.text, pieces: pieces?.release() ?? [], finish: null };
        } else {
          yield { choice, text: event.text, pieces: pieces?.finish(length) ?? [], finish: reasonOf(event) };
        }
      }
    } finally {
      ended();
      // The row is free before other answers of the request are done.
      await cache[Symbol.asyncDispose]();
    }
  };

  return {
    choices,
    report,
    get usage() {
      return { promptTokens, cachedTokens, completionTokens };
    },
    async *events() {
      const streams = answers.flatMap((answer, prompt) =>
        answer.caches.map((cache, i) => decode(answer, cache, prompt * job.n + i)),
      );
      for await (const { item } of mergeStreams(streams)) yield item;
    },
    async [Symbol.asyncDispose]() {
      scope.note({ completion_tokens: completionTokens });
      await dispose();
    },
  };
}

function reasonOf({ reason }: Extract<GenerateEvent, { type: 'finish' }>): 'stop' | 'length' {
  return reason === 'length' ? 'length' : 'stop';
}
