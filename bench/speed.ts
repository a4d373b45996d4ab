/** Decoding, prefill and memory of every engine, a case at a time, the engines in turn within each round. */
import type { GraphManifest } from '../src/engine/onnx/graph/graph-manifest.ts';
import { interleave, type Measured, summarise } from './measure.ts';
import type { SpeedCase } from './plan.ts';
import { atLeast, type Result, ratio, result } from './results.ts';
import type { Child } from './rivals/child.ts';
import type { Timed } from './rivals/protocol.ts';

/** An engine that fails drops out of what follows; `onFailure` hears of it. */
export async function measureSpeed(
  children: Map<string, Child>,
  cases: readonly SpeedCase[],
  limit: (context: number) => number,
  onFailure: (name: string, error: unknown) => Promise<void>,
  progress: (message: string) => void,
): Promise<Result[]> {
  const results: Result[] = [];
  for (const speedCase of cases) {
    const { context, newTokens, rounds } = speedCase;
    const rows = speedCase.prompts.length;
    progress(`${rows === 1 ? 'context' : `${rows} rows of`} ${context}`);
    const prefill = new Map<string, number[]>();
    for (const name of children.keys()) prefill.set(name, []);
    const decode = await interleave(
      Object.fromEntries(
        [...children].map(([name, child]) => [
          name,
          async () => {
            if (!children.has(name)) return Number.NaN;
            const prompts = child.sameLengths ? speedCase.equalPrompts : speedCase.prompts;
            try {
              const timed = await child.ask<Timed>({ do: 'measure', prompts, newTokens });
              prefill.get(name)!.push(timed.prefillMs);
              return timed.decodeMs / newTokens;
            } catch (error) {
              await onFailure(name, error);
              return Number.NaN;
            }
          },
        ]),
      ),
      rounds,
      0,
    );
    const running = [...children.keys()];
    const promptTokens = speedCase.prompts.flat().length;
    const speeds = new Map<string, Measured>();
    for (const name of running) {
      speeds.set(name, summarise(prefill.get(name)!.map((ms) => (promptTokens / ms) * 1000)));
    }
    if (rows === 1) {
      for (const name of running) {
        results.push(result(name, 'decode, ms/token', context, 1, decode[name]!));
      }
      const bound = limit(context + newTokens / 2);
      results.push(result('memory limit', 'decode, ms/token', context, 1, { median: bound, spread: 0 }));
      if (context <= 1024) {
        for (const name of running) {
          results.push(result(name, 'prefill, tokens/s', context, 1, speeds.get(name)!));
        }
      }
    } else {
      for (const name of running) {
        const rate = summarise(decode[name]!.samples.map((ms) => (rows / ms) * 1000));
        results.push(result(name, 'decode, tokens/s', context, rows, rate));
      }
    }
    results.push(...comparisons(context, rows, decode, speeds));
  }
  return results;
}

/** The targets: kvsteer's speed over a rival's. */
function comparisons(
  context: number,
  rows: number,
  decode: Record<string, Measured>,
  prefill: ReadonlyMap<string, Measured>,
): Result[] {
  const results: Result[] = [];
  const ours = decode.kvsteer;
  if (!ours || !prefill.has('kvsteer')) return results;
  const faster = (rival: string, bound: number) => {
    if (!prefill.has(rival)) return;
    const figure = result(
      'kvsteer',
      `decode speed over ${rival}`,
      context,
      rows,
      ratio(decode[rival]!, ours),
    );
    results.push(atLeast(figure, bound));
  };
  if (rows === 8) faster('node-llama-cpp', 1.7);
  if (rows > 1) return results;
  if (context === 256) {
    faster('node-llama-cpp', 1.7);
    faster('transformers.js', 1.8);
  }
  if (context === 2048) {
    faster('onnxruntime-node', 3.5);
    faster('kvsteer-plain', 3.5);
  }
  const rival = prefill.get('node-llama-cpp');
  if (rival && context <= 1024) {
    const figure = ratio(prefill.get('kvsteer')!, rival);
    results.push(atLeast(result('kvsteer', 'prefill speed over node-llama-cpp', context, 1, figure), 1.5));
  }
  return results;
}

/**
 * Milliseconds that reading from memory alone takes for one token of one row: every weight once, and K/V of all
 * positions. The embedding is tied: as the output matrix it is read whole. Of the RoPE tables one row is read.
 */
export function memoryLimit({ files, maxPositions, model }: GraphManifest, bytesPerSecond: number) {
  const weights = files['weights.bin'] - 4 * maxPositions * model.rope.rotaryDim;
  const perPosition = 2 * 4 * model.layers * model.kvHeads * model.headDim;
  return {
    weightBytes: weights,
    ms: (context: number) => ((weights + context * perPosition) / bytesPerSecond) * 1000,
  };
}
