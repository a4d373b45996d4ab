/** What the streams ask: prompts of about the same length that begin differently, and vectors made for the model. */
import { loadEngine } from '../../src/index.ts';
import { makeVector, modelIdentity } from '../../src/vectors/vector.ts';
import { vectorToBytes } from '../../src/vectors/vector-bytes.ts';
import type { Ask } from './stream-client.ts';

export const vectorNames = Array.from({ length: 64 }, (_, i) => `bench-${i}`);

/** Stores 64 vectors of noise, each another: what an edit costs does not depend on what it says. */
export async function storeVectors(url: string, modelName: string): Promise<void> {
  const identity = await (async () => {
    await using engine = await loadEngine(modelName);
    return modelIdentity(engine);
  })();
  const size = identity.layers * identity.kvHeads * identity.headDim;
  for (const [i, name] of vectorNames.entries()) {
    const noise = Float32Array.from({ length: size }, (_, at) => 0.05 * Math.sin((at + 1) * (i + 1) * 1.7));
    const vector = makeVector({
      keys: new Float32Array(size),
      values: noise,
      keyMode: 'unrotated',
      model: identity,
      aggregation: 'random',
    });
    const response = await fetch(`${url}/v1/vectors/${name}`, {
      method: 'PUT',
      headers: { 'content-type': 'application/octet-stream' },
      body: vectorToBytes(vector) as Uint8Array<ArrayBuffer>,
    });
    if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
  }
}

/** @param seed two asks of other seeds begin with another word. */
export function askOf(seed: number, vector: string | null, tokens: number): Ask {
  const prompt =
    `${1000 + (seed % 9000)} people work in ${3 + (seed % 17)} houses with ${10 + (seed % 89)} rooms each. ` +
    `In the evening ${2 + (seed % 7)} more come, and each of them brings ${5 + (seed % 31)} books for the shelves. How many books are there in the end?`;
  return { vector, prompt, tokens };
}

/** One ask a stream, each with the vector of its number. */
export function asks(streams: number, tokens: number, seed: number): Ask[] {
  return Array.from({ length: streams }, (_, i) =>
    askOf(seed * 64 + i, vectorNames[i % vectorNames.length]!, tokens),
  );
}
