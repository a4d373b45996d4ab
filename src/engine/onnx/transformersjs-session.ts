/**
 * Graphs in the Transformers.js layout: inputs `input_ids`, `attention_mask`, maybe `position_ids`, and
 * `past_key_values.{l}.key|value` [B, H, T, D] that the graph concatenates to. Rows run one at a time, without padding,
 * and the new positions are copied back into the pool: right, and slower than a graph of our own.
 */
import './telemetry-off.ts';
import * as ort from 'onnxruntime-node';
import { RuntimeFailureError, UnsupportedModelError } from '../../errors.ts';
import { checkStep } from './check-step.ts';
import type { Session, Step, StepResult } from './session.ts';
import { StepGate } from './step-gate.ts';

export interface TransformersJsShape {
  readonly layers: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly vocabSize: number;
}

const kinds = ['key', 'value'] as const;

/** @throws UnsupportedModelError where the graph's inputs are not of this layout or of another shape than `shape`. */
export async function openTransformersJsSession(
  modelPath: string,
  shape: TransformersJsShape,
  threads: number,
): Promise<Session> {
  let session: ort.InferenceSession;
  try {
    session = await ort.InferenceSession.create(modelPath, {
      executionProviders: ['cpu'],
      intraOpNumThreads: threads,
      graphOptimizationLevel: 'all',
      logSeverityLevel: 4,
    });
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new RuntimeFailureError(`ONNX Runtime could not load ${modelPath}: ${message}`, { cause });
  }
  try {
    checkLayout(session, modelPath, shape);
  } catch (error) {
    await session.release();
    throw error;
  }
  return new TransformersJsSession(session, shape);
}

function checkLayout(session: ort.InferenceSession, path: string, shape: TransformersJsShape): void {
  const allowed = new Set(['input_ids', 'attention_mask', 'position_ids']);
  for (let l = 0; l < shape.layers; l++)
    for (const kind of kinds) allowed.add(`past_key_values.${l}.${kind}`);
  const unknown = session.inputNames.filter((name) => !allowed.has(name));
  const missing = [...allowed].filter(
    (name) => name !== 'position_ids' && !session.inputNames.includes(name),
  );
  if (unknown.length > 0 || missing.length > 0) {
    throw new UnsupportedModelError(
      `${path} is not a decoder in the Transformers.js layout: ` +
        [
          missing.length > 0 ? `the inputs ${missing.slice(0, 4).join(', ')} are missing` : '',
          unknown.length > 0 ? `the inputs ${unknown.slice(0, 4).join(', ')} are not known` : '',
        ]
          .filter(Boolean)
          .join(', and ') +
        '. Use a GGUF or safetensors checkpoint of the model instead.',
    );
  }
  for (const input of session.inputMetadata) {
    if (!input.isTensor || !input.name.startsWith('past_key_values.')) continue;
    if (input.type !== 'float32') {
      throw new UnsupportedModelError(
        `${path} keeps its cache in ${input.type}; float32 is supported. Use its model.onnx, model_q4.onnx or model_quantized.onnx.`,
      );
    }
    const [, heads, , headDim] = input.shape;
    const wrong =
      (typeof heads === 'number' && heads !== shape.kvHeads) ||
      (typeof headDim === 'number' && headDim !== shape.headDim);
    if (wrong) {
      throw new UnsupportedModelError(
        `${path} has ${heads} KV heads of size ${headDim}, but its config.json says ${shape.kvHeads} of size ${shape.headDim}. The files belong to different models.`,
      );
    }
  }
}

class TransformersJsSession implements Session {
  readonly runtime = 'onnxruntime-node, Transformers.js layout';
  readonly maxRows = 1;
  readonly #session: ort.InferenceSession;
  readonly #shape: TransformersJsShape;
  readonly #gate = new StepGate();

  constructor(session: ort.InferenceSession, shape: TransformersJsShape) {
    this.#session = session;
    this.#shape = shape;
  }

  step(step: Step): Promise<StepResult> {
    return this.#gate.run(() => this.#step(step));
  }

  dispose(): Promise<void> {
    return this.#gate.close(() => this.#session.release());
  }

  async #step(step: Step): Promise<StepResult> {
    checkStep(step);
    const { pool, firstRow, tokens, totals, logitsAt } = step;
    const { layers, kvHeads, headDim, vocabSize } = this.#shape;
    const total = totals[0]!;
    const past = total - tokens.length;
    const int64 = (values: readonly number[]) =>
      new ort.Tensor('int64', BigInt64Array.from(values, BigInt), [1, values.length]);
    const positions = tokens.map((_, i) => past + i);
    const feeds: Record<string, ort.Tensor> = {
      input_ids: int64(tokens),
      attention_mask: int64(new Array<number>(total).fill(1)),
    };
    if (this.#session.inputNames.includes('position_ids')) feeds.position_ids = int64(positions);
    const headStart = (h: number) => firstRow * pool.rowStride + h * pool.capacity * headDim;
    for (let l = 0; l < layers; l++) {
      for (const kind of kinds) {
        const buffer = (kind === 'key' ? pool.keys : pool.values)[l]!;
        const packed = new Float32Array(kvHeads * past * headDim); // [1, H, T, D]
        for (let h = 0; h < kvHeads; h++) {
          packed.set(buffer.subarray(headStart(h), headStart(h) + past * headDim), h * past * headDim);
        }
        feeds[`past_key_values.${l}.${kind}`] = new ort.Tensor('float32', packed, [
          1,
          kvHeads,
          past,
          headDim,
        ]);
      }
    }
    let results: ort.InferenceSession.OnnxValueMapType;
    try {
      results = await this.#session.run(feeds);
    } catch (cause) {
      const message = cause instanceof Error ? cause.message : String(cause);
      throw new RuntimeFailureError(`ONNX Runtime failed during a step: ${message}`, { cause });
    }
    for (let l = 0; l < layers; l++) {
      for (const kind of kinds) {
        const buffer = (kind === 'key' ? pool.keys : pool.values)[l]!;
        const present = results[`present.${l}.${kind}`]!.data as Float32Array; // [1, H, T + S, D]
        for (let h = 0; h < kvHeads; h++) {
          const added = present.subarray((h * total + past) * headDim, (h + 1) * total * headDim);
          buffer.set(added, headStart(h) + past * headDim);
        }
      }
    }
    const all = results.logits!.data as Float32Array; // [1, S, V]
    const logits = new Float32Array(logitsAt.length * vocabSize);
    logitsAt.forEach((at, i) => {
      logits.set(all.subarray(at * vocabSize, (at + 1) * vocabSize), i * vocabSize);
    });
    return { logits };
  }
}
