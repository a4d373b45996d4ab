/** What only kvsteer does: what steering costs, whether batches and forks are exact, and a sweep that shares its prefill. */
import { interleave, summarise } from './measure.ts';
import { type Plan, promptOf } from './plan.ts';
import { atMost, type Result, ratio, result } from './results.ts';
import type { Child } from './rivals/child.ts';
import type { Steering, SweepRequest } from './rivals/kvsteer.ts';
import type { Exactness } from './rivals/kvsteer-exactness.ts';
import type { Timed } from './rivals/protocol.ts';

export async function measureSteering(kvsteer: Child, { steering, batchSteering }: Plan): Promise<Result[]> {
  const decode = (prompts: readonly number[][], newTokens: number, how: Steering) => async () => {
    const argument = { prompts, newTokens, steering: how };
    return (await kvsteer.ask<Timed>({ do: 'steered', argument })).decodeMs / newTokens;
  };
  const one = [promptOf(200)];
  const single = await interleave(
    { plain: decode(one, steering.newTokens, 'plain'), steered: decode(one, steering.newTokens, 'one') },
    steering.rounds,
  );
  const sixteen = Array.from({ length: 16 }, (_, b) => promptOf(48 + b, b));
  const batch = await interleave(
    {
      one: decode(sixteen, batchSteering.newTokens, 'one'),
      distinct: decode(sixteen, batchSteering.newTokens, 'distinct'),
    },
    batchSteering.rounds,
    batchSteering.warmup,
  );
  const results = [
    result('kvsteer', 'plain, ms/token', 200, 1, single.plain),
    result('kvsteer', 'steered, ms/token', 200, 1, single.steered),
    atMost(result('kvsteer', 'steered over plain', 200, 1, ratio(single.steered, single.plain)), 1.01),
    result('kvsteer', 'one vector, ms/step', 56, 16, batch.one),
    result('kvsteer', '16 distinct vectors, ms/step', 56, 16, batch.distinct),
    atMost(result('kvsteer', '16 vectors over one', 56, 16, ratio(batch.distinct, batch.one)), 1.02),
  ];
  for (const keys of [false, true]) {
    const argument = { prompt: one[0], keys, times: 200 };
    const samples = summarise(await kvsteer.ask<number[]>({ do: 'edit', argument }));
    const what = `edit of all layers, ${keys ? 'keys and values' : 'values'}, ms`;
    results.push(atMost(result('kvsteer', what, 200, 1, samples), 0.2));
  }
  return results;
}

export async function measureExactness(native: Child, plain: Child | undefined): Promise<Result[]> {
  const argument = { prompts: [40, 17, 93, 64].map((length, b) => promptOf(length, b)), newTokens: 16 };
  const ask = (child: Child) => child.ask<Exactness>({ do: 'exactness', argument });
  const ours = await ask(native);
  const figure = (metric: string, median: number | null) =>
    atMost({ engine: 'kvsteer', metric, context: null, rows: null, median, spread: null }, 0);
  const results = [
    figure('ragged rows against solo runs, largest difference', ours.raggedAgainstSolo),
    figure('fork against fresh prefill, largest difference', ours.forkAgainstFresh),
  ];
  if (plain) {
    const same = (await ask(plain)).logits === ours.logits;
    results.push(figure('logits of native and plain, 0 if equal', same ? 0 : 1));
  }
  return results;
}

/** Per prompt: all settings from one prefill, and each setting from its own. */
export async function measureSweep(
  kvsteer: Child,
  { sweep }: Plan,
  progress: (message: string) => void,
): Promise<Result[]> {
  const { prompts, settings, newTokens } = sweep;
  const together: number[] = [];
  const apart: number[] = [];
  const run = async (prompt: readonly number[], shared: boolean) => {
    const argument: SweepRequest = { prompt, settings, newTokens, together: shared };
    (shared ? together : apart).push(await kvsteer.ask<number>({ do: 'sweep', argument }));
  };
  for (const [i, prompt] of prompts.entries()) {
    progress(`sweep, prompt ${i + 1} of ${prompts.length}`);
    for (const shared of i % 2 === 0 ? [true, false] : [false, true]) await run(prompt, shared);
  }
  const mean = Math.round(prompts.flat().length / prompts.length);
  const sum = (samples: readonly number[]) => samples.reduce((a, b) => a + b, 0);
  const name = `sweep of ${settings} settings on ${prompts.length} prompts`;
  const [shared, separate] = [summarise(together), summarise(apart)];
  const speed = ratio(separate, shared);
  return [
    result('kvsteer', `${name}: shared prefill, s in all`, mean, settings, {
      median: sum(together) / 1000,
      spread: shared.spread,
    }),
    result('kvsteer', `${name}: separate runs, s in all`, mean, 1, {
      median: sum(apart) / 1000,
      spread: separate.spread,
    }),
    result('kvsteer', `${name}: separate over shared`, mean, settings, speed),
    {
      ...result('kvsteer', `${name}: share of time saved`, mean, settings, speed),
      median: 1 - sum(together) / sum(apart),
      spread: null,
    },
  ];
}
