import { type Result, result } from '../results.ts';
import { askOf, vectorNames } from './asks.ts';
import { type Timed, timeStream } from './stream-client.ts';

/**
 * Closed loop: `streams` clients, each of which asks again when its answer has ended, every request with a vector of its own
 * stream. Each client's first answer is thrown away.
 */
export async function measureLatency(
  { url, model }: { readonly url: string; readonly model: string },
  {
    streams,
    requests,
    tokens,
  }: { readonly streams: number; readonly requests: number; readonly tokens: number },
): Promise<Result[]> {
  const timed: Timed[] = [];
  let asked = 0;
  const each = Math.ceil(requests / streams);
  const client = async (stream: number) => {
    for (let i = 0; i <= each; i++) {
      const answer = await timeStream(url, model, askOf(asked++ * 13 + stream, vectorNames[stream]!, tokens));
      if (i > 0) timed.push(answer);
    }
  };
  await Promise.all(Array.from({ length: streams }, (_, stream) => client(stream)));
  const firsts = timed.map(({ sentAt, pieceAt }) => pieceAt[0]! - sentAt);
  const gaps = timed.flatMap(({ pieceAt }) => pieceAt.slice(1).map((at, i) => at - pieceAt[i]!));
  const rate =
    timed.reduce((sum, { tokens }) => sum + tokens, 0) /
    ((Math.max(...timed.map(({ endedAt }) => endedAt)) - Math.min(...timed.map(({ sentAt }) => sentAt))) /
      1000);
  const figure = (metric: string, median: number): Result => ({
    ...result(model, metric, null, streams, { median, spread: 0 }),
    spread: null,
  });
  return [
    ...percentiles(firsts).map(([name, value]) => figure(`time to first token, ${name}, ms`, value)),
    ...percentiles(gaps).map(([name, value]) => figure(`time between tokens, ${name}, ms`, value)),
    figure('tokens/s, prompts included', rate),
    figure('requests', timed.length),
  ];
}

function percentiles(samples: readonly number[]): [string, number][] {
  const sorted = [...samples].sort((a, b) => a - b);
  return [50, 95, 99].map((p) => [
    `p${p}`,
    sorted[Math.min(sorted.length - 1, Math.ceil((sorted.length * p) / 100) - 1)]!,
  ]);
}
