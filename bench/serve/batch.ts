/** What a batch of streams makes: with one vector and with 64, and eight streams against one. */
import { interleave, summarise } from '../measure.ts';
import { atLeast, type Result, ratio, result } from '../results.ts';
import { asks } from './asks.ts';
import { type Timed, timeStream } from './stream-client.ts';

interface Served {
  readonly url: string;
  readonly model: string;
}

interface Size {
  readonly rounds: number;
  readonly tokens: number;
}

let seed = 0;

async function together(served: Served, streams: number, tokens: number, vectors: number): Promise<Timed[]> {
  const batch = asks(streams, tokens, seed++);
  return await Promise.all(
    batch.map((ask, i) =>
      timeStream(served.url, served.model, { ...ask, vector: batch[i % vectors]!.vector }),
    ),
  );
}

/** From the first request to the last byte. */
function wholeRate(batch: readonly Timed[]): number {
  const from = Math.min(...batch.map(({ sentAt }) => sentAt));
  const to = Math.max(...batch.map(({ endedAt }) => endedAt));
  return batch.reduce((sum, { tokens }) => sum + tokens, 0) / ((to - from) / 1000);
}

/** While all of the streams decode. */
function decodeRate(batch: readonly Timed[]): number {
  const from = Math.max(...batch.map(({ pieceAt }) => pieceAt[0]!));
  const to = Math.min(...batch.map(({ pieceAt }) => pieceAt.at(-1)!));
  const pieces = batch.flatMap(({ pieceAt }) => pieceAt).filter((at) => at > from && at <= to).length;
  return pieces / ((to - from) / 1000);
}

/** 64 streams that begin together, with one vector between them and with 64, in turns. */
export async function measureVectors(served: Served, { rounds, tokens }: Size): Promise<Result[]> {
  const rate = (vectors: number) => async () => wholeRate(await together(served, 64, tokens, vectors));
  const found = await interleave({ one: rate(1), distinct: rate(64) }, rounds, 2);
  return [
    result(served.model, 'tokens/s, 1 vector', null, 64, found.one),
    result(served.model, 'tokens/s, 64 vectors', null, 64, found.distinct),
    atLeast(
      result(served.model, '64 vectors over 1, tokens/s', null, 64, ratio(found.distinct, found.one)),
      0.97,
    ),
  ];
}

/** Eight streams that begin together, and one, in turns. @param least times one stream's rate, while decoding. */
export async function measureScaling(
  served: Served,
  { rounds, tokens }: Size,
  least: number | null,
): Promise<Result[]> {
  const wholes: Record<number, number[]> = { 1: [], 8: [] };
  const rate = (streams: number) => async () => {
    const batch = await together(served, streams, tokens, streams);
    wholes[streams]!.push(wholeRate(batch));
    return decodeRate(batch);
  };
  const found = await interleave({ one: rate(1), eight: rate(8) }, rounds);
  const measured = (streams: number) => summarise(wholes[streams]!.slice(1));
  const [one, eight] = [measured(1), measured(8)];
  const gain = result(served.model, '8 streams over 1, decoding', null, 8, ratio(found.eight, found.one));
  return [
    result(served.model, 'tokens/s while decoding', null, 1, found.one),
    result(served.model, 'tokens/s while decoding', null, 8, found.eight),
    least === null ? gain : atLeast(gain, least),
    result(served.model, 'tokens/s, prompts included', null, 1, one),
    result(served.model, 'tokens/s, prompts included', null, 8, eight),
    result(served.model, '8 streams over 1, prompts included', null, 8, ratio(eight, one)),
  ];
}
