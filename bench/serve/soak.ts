import { type Result, result } from '../results.ts';
import { askOf, vectorNames } from './asks.ts';
import { residentBytes, timeStream } from './stream-client.ts';

/** MiB that the lowest resident memory of the second half may lie above the first half's: garbage comes and goes in waves. */
const MOST_GROWTH = 16;

/** Requests of changing prompts, lengths and vectors, 32 at a time; the server's resident memory on the way. */
export async function soak(
  { url, model }: { readonly url: string; readonly model: string },
  requests: number,
  say: (message: string) => void,
): Promise<Result[]> {
  const tenths: number[] = [];
  let asked = 0;
  const until = (most: number) =>
    Promise.all(
      Array.from({ length: 32 }, async () => {
        while (asked < most) {
          const i = asked++;
          // some plain
          const vector = i % 5 === 0 ? null : vectorNames[i % vectorNames.length]!;
          await timeStream(url, model, askOf(i * 7, vector, 1 + (i % 12)));
        }
      }),
    );
  for (let tenth = 1; tenth <= 10; tenth++) {
    await until(Math.round((requests * tenth) / 10));
    tenths.push((await residentBytes(url)) / 2 ** 20);
    say(`${asked} requests: ${tenths.at(-1)!.toFixed(0)} MiB`);
  }
  const growth = Math.min(...tenths.slice(5)) - Math.min(...tenths.slice(0, 5));
  const figure = (metric: string, median: number): Result => ({
    ...result(model, metric, null, 32, { median, spread: 0 }),
    spread: null,
  });
  return [
    ...tenths.map((mib, i) => figure(`resident after ${((i + 1) * requests) / 10} requests, MiB`, mib)),
    {
      ...figure('resident, rise of the lowest between the halves, MiB', growth),
      target: `<= ${MOST_GROWTH}`,
      reached: growth <= MOST_GROWTH,
    },
  ];
}
