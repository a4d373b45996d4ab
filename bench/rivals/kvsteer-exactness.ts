/** Whether batching, forking and the choice of runtime change a number. */
import { createHash } from 'node:crypto';
import type { Engine, KvCache } from '../../src/index.ts';

export interface Exactness {
  /** SHA-256 of logits at every position of the first prompt, and of decoding after it: equal on both runtimes or not. */
  readonly logits: string;
  /**
   * Largest difference of a token's log-probability between a row of a ragged batch and its solo run; null where even a
   * token differs.
   */
  readonly raggedAgainstSolo: number | null;
  /** The same between a forked cache and a fresh prefill. */
  readonly forkAgainstFresh: number | null;
}

interface Run {
  readonly tokens: readonly number[];
  readonly logprobs: readonly number[];
}

export async function exactness(
  engine: Engine,
  prompts: readonly (readonly number[])[],
  newTokens: number,
): Promise<Exactness> {
  const prefill = async (prompt: readonly number[]) => (await engine.prefill(prompt.slice(0, -1))).cache;
  const decode = async (cache: KvCache, prompt: readonly number[]): Promise<Run> => {
    const tokens: number[] = [];
    const logprobs: number[] = [];
    const options = { feed: prompt.slice(-1), maxTokens: newTokens, eosTokenIds: [], logprobs: true };
    for await (const event of engine.generate(cache, options)) {
      if (event.type !== 'token') continue;
      tokens.push(event.token);
      logprobs.push(event.logprob!);
    }
    await cache[Symbol.asyncDispose]();
    return { tokens, logprobs };
  };

  const solo: Run[] = [];
  for (const prompt of prompts) solo.push(await decode(await prefill(prompt), prompt));
  const caches: KvCache[] = [];
  for (const prompt of prompts) caches.push(await prefill(prompt));
  const ragged = await Promise.all(caches.map((cache, b) => decode(cache, prompts[b]!)));

  const first = prompts[0]!;
  const base = await prefill(first);
  const forked = await base.fork();
  await base[Symbol.asyncDispose]();
  const fork = await decode(forked, first);

  const everywhere = await engine.prefill(first, { at: first.map((_, t) => t) });
  await everywhere.cache[Symbol.asyncDispose]();
  const { buffer, byteOffset, byteLength } = everywhere.logits;
  const hash = createHash('sha256').update(new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength));
  return {
    logits: hash.update(JSON.stringify(solo)).digest('hex'),
    raggedAgainstSolo: distance(ragged, solo),
    forkAgainstFresh: distance([fork], solo),
  };
}

function distance(runs: readonly Run[], references: readonly Run[]): number | null {
  let largest = 0;
  for (const [b, run] of runs.entries()) {
    const reference = references[b]!;
    if (run.tokens.some((token, i) => token !== reference.tokens[i])) return null;
    run.logprobs.forEach((logprob, i) => {
      largest = Math.max(largest, Math.abs(logprob - reference.logprobs[i]!));
    });
  }
  return largest;
}
