/** The graph of `graph/` on onnxruntime-node. Each step copies every present K/V to JS, which is its cost at length. */
import './telemetry-off.ts';
import { createRequire } from 'node:module';
import * as ort from 'onnxruntime-node';
import { RuntimeFailureError } from '../../errors.ts';
import { checkStep } from './check-step.ts';
import { checkGraphLayout } from './graph-layout.ts';
import type { KvBuffer } from './kv-precision.ts';
import type { RowPool } from './row-pool.ts';
import type { Session, Step, StepResult } from './session.ts';
import { StepGate } from './step-gate.ts';

const version: string = createRequire(import.meta.url)('onnxruntime-node/package.json').version;

export interface GraphSessionOptions {
  readonly layers: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly vocabSize: number;
  readonly hidden: number;
  readonly threads: number;
  /** The graph has the residual taps. */
  readonly taps: boolean;
}

export async function openPlainSession(modelPath: string, options: GraphSessionOptions): Promise<Session> {
  let session: ort.InferenceSession;
  try {
    session = await ort.InferenceSession.create(modelPath, {
      executionProviders: ['cpu'],
      intraOpNumThreads: options.threads,
      interOpNumThreads: 1,
      graphOptimizationLevel: 'all',
      // errors come back as exceptions
      logSeverityLevel: 4,
      // a cache step touches each activation once: the arena only holds on to the largest prefill
      enableCpuMemArena: true,
    });
  } catch (cause) {
    throw couldNotLoad(modelPath, cause);
  }
  try {
    const { inputNames, outputNames } = session;
    checkGraphLayout(modelPath, { inputs: inputNames, outputs: outputNames }, options);
  } catch (error) {
    await session.release();
    throw error;
  }
  return new PlainSession(session, options);
}

export function couldNotLoad(modelPath: string, cause: unknown): RuntimeFailureError {
  return new RuntimeFailureError(
    `ONNX Runtime could not load ${modelPath}: ${messageOf(cause)}. If the file was damaged, delete its folder: it is written anew from the checkpoint.`,
    { cause },
  );
}

/** Tensors over one range of rows. */
interface CacheViews {
  readonly range: string;
  readonly past: Record<string, ort.Tensor>;
  readonly present: Record<string, ort.Tensor>;
}

class PlainSession implements Session {
  readonly runtime = `onnxruntime-node ${version}`;
  readonly maxRows = Number.POSITIVE_INFINITY;
  readonly #session: ort.InferenceSession;
  readonly #options: GraphSessionOptions;
  readonly #gate = new StepGate();
  /** By a pool's first buffer, for the rows last used. Weak: a pool that gave its memory back shall not be kept from that. */
  readonly #views = new WeakMap<KvBuffer, CacheViews>();

  constructor(session: ort.InferenceSession, options: GraphSessionOptions) {
    this.#session = session;
    this.#options = options;
  }

  step(step: Step): Promise<StepResult> {
    return this.#gate.run(() => this.#step(step));
  }

  dispose(): Promise<void> {
    return this.#gate.close(() => this.#session.release());
  }

  async #step(step: Step): Promise<StepResult> {
    checkStep(step);
    const { layers, vocabSize, hidden, taps } = this.#options;
    const rows = step.totals.length;
    const asked = step.logitsAt.length;
    const { past, present } = this.#cacheViews(step.pool, step.firstRow, rows);
    const int64 = (values: readonly number[], shape: number[]) =>
      new ort.Tensor('int64', BigInt64Array.from(values, BigInt), shape);
    const feeds: Record<string, ort.Tensor> = {
      input_ids: int64(step.tokens, [rows, step.tokens.length / rows]),
      seqlens_k: new ort.Tensor(
        'int32',
        Int32Array.from(step.totals, (total) => total - 1),
        [rows],
      ),
      total_sequence_length: new ort.Tensor('int32', Int32Array.of(Math.max(...step.totals)), [1]),
      logits_at: int64(step.logitsAt, [asked]),
      ...past,
    };
    const fetches: Record<string, ort.Tensor> = {
      logits: new ort.Tensor('float32', new Float32Array(asked * vocabSize), [asked, vocabSize]),
      ...present,
    };
    if (taps) {
      feeds.residual_offset = new ort.Tensor(
        'float32',
        step.residual ?? new Float32Array(layers * rows * hidden),
        [layers, rows, hidden],
      );
      fetches.hidden = new ort.Tensor('float32', new Float32Array(layers * asked * hidden), [
        layers,
        asked,
        hidden,
      ]);
    }
    let results: ort.InferenceSession.OnnxValueMapType;
    try {
      results = await this.#session.run(feeds, fetches);
    } catch (cause) {
      throw new RuntimeFailureError(`ONNX Runtime failed during a step: ${messageOf(cause)}`, { cause });
    }
    return {
      logits: results.logits!.data as Float32Array,
      ...(step.hidden && taps ? { hidden: results.hidden!.data as Float32Array } : {}),
    };
  }

  #cacheViews(pool: RowPool, firstRow: number, rows: number): CacheViews {
    const range = `${firstRow},${rows}`;
    const kept = this.#views.get(pool.keys[0]!);
    if (kept?.range === range) return kept;
    const shape = [rows, pool.shape.kvHeads, pool.capacity, pool.shape.headDim];
    const past: Record<string, ort.Tensor> = {};
    const present: Record<string, ort.Tensor> = {};
    const [from, to] = [firstRow * pool.rowStride, (firstRow + rows) * pool.rowStride];
    for (let l = 0; l < pool.shape.layers; l++) {
      for (const [kind, buffer] of [
        ['key', pool.keys[l]!],
        ['value', pool.values[l]!],
      ] as const) {
        const part = buffer.subarray(from, to);
        const tensor =
          part instanceof Uint16Array
            ? new ort.Tensor('float16', part, shape)
            : new ort.Tensor('float32', part, shape);
        past[`past_key_values.${l}.${kind}`] = tensor;
        present[`present.${l}.${kind}`] = tensor;
      }
    }
    const views = { range, past, present };
    this.#views.set(pool.keys[0]!, views);
    return views;
  }
}

const messageOf = (cause: unknown) => (cause instanceof Error ? cause.message : String(cause));
