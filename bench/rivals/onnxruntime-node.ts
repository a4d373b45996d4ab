/** onnxruntime-node as its users write it: present K/V come out as JS tensors and go back in as the past of the next step. */
import { join } from 'node:path';
import * as ort from 'onnxruntime-node';
import { graphFile, readGraphManifest } from '../../src/engine/onnx/graph/graph-manifest.ts';
import { argmax, serve, type Timed } from './protocol.ts';

const threads = Number(process.env.BENCH_THREADS);
const folder = process.env.BENCH_GRAPH!;

await serve(async () => {
  const { layers, kvHeads, headDim, vocabSize } = (await readGraphManifest(folder)).model;
  const session = await ort.InferenceSession.create(join(folder, graphFile), {
    executionProviders: ['cpu'],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    graphOptimizationLevel: 'all',
  });
  const int64 = (values: readonly number[], dims: readonly number[]) =>
    new ort.Tensor('int64', BigInt64Array.from(values, BigInt), dims);
  const cacheNames = Array.from({ length: layers }, (_, l) => [`${l}.key`, `${l}.value`]).flat();

  type Past = Record<string, ort.Tensor>;
  /** tokens [B, S]; totals [B], positions held after the step. */
  async function step(tokens: readonly number[], totals: readonly number[], past: Past) {
    const rows = totals.length;
    const length = tokens.length / rows;
    const results = await session.run({
      input_ids: int64(tokens, [rows, length]),
      seqlens_k: new ort.Tensor(
        'int32',
        Int32Array.from(totals, (total) => total - 1),
        [rows],
      ),
      total_sequence_length: new ort.Tensor('int32', Int32Array.of(Math.max(...totals)), [1]),
      logits_at: int64(
        totals.map((_, b) => b * length + length - 1),
        [rows],
      ),
      ...past,
    });
    const logits = results.logits!.data as Float32Array; // [B, V]
    const next = totals.map((_, b) => argmax(logits, b * vocabSize, vocabSize));
    const present: Past = {};
    for (const name of cacheNames) present[`past_key_values.${name}`] = results[`present.${name}`]!;
    return { next, present };
  }

  const empty: Past = {};
  for (const name of cacheNames) {
    empty[`past_key_values.${name}`] = new ort.Tensor('float32', new Float32Array(0), [
      1,
      kvHeads,
      0,
      headDim,
    ]);
  }

  /** Rows of several lengths as one [B, H, T, D]; what a batch of users' own code would do once. */
  function joined(rows: readonly Past[], lengths: readonly number[]): Past {
    if (rows.length === 1) return rows[0]!;
    const longest = Math.max(...lengths);
    const past: Past = {};
    for (const name of Object.keys(empty)) {
      const all = new Float32Array(rows.length * kvHeads * longest * headDim);
      rows.forEach((row, b) => {
        const data = row[name]!.data as Float32Array;
        const size = lengths[b]! * headDim;
        for (let h = 0; h < kvHeads; h++) {
          all.set(data.subarray(h * size, (h + 1) * size), (b * kvHeads + h) * longest * headDim);
        }
      });
      past[name] = new ort.Tensor('float32', all, [rows.length, kvHeads, longest, headDim]);
    }
    return past;
  }

  async function measure(prompts: readonly (readonly number[])[], newTokens: number): Promise<Timed> {
    const tokens: number[][] = [];
    const pasts: Past[] = [];
    const start = performance.now();
    for (const prompt of prompts) {
      const { next, present } = await step(prompt, [prompt.length], empty);
      tokens.push([next[0]!]);
      pasts.push(present);
    }
    const prefillMs = performance.now() - start;
    const lengths = prompts.map(({ length }) => length);
    let past = joined(pasts, lengths);
    const from = performance.now();
    for (let i = 1; i <= newTokens; i++) {
      const fed = tokens.map((row) => row.at(-1)!);
      const totals = lengths.map((length) => length + i);
      const { next, present } = await step(fed, totals, past);
      next.forEach((token, b) => {
        tokens[b]!.push(token);
      });
      past = present;
    }
    return { prefillMs, decodeMs: performance.now() - from, tokens };
  }
  return { about: "onnxruntime-node 1.30.0, kvsteer's q4 graph, growing past", measure };
});
