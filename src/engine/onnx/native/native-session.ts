/** The graph of `graph/` through ONNX Runtime's C API: keys and values are updated where they lie, and nothing is copied. */
import { allocateFloats } from '../allocate-floats.ts';
import { checkStep } from '../check-step.ts';
import { checkGraphLayout } from '../graph-layout.ts';
import type { KvBuffer } from '../kv-precision.ts';
import { couldNotLoad, type GraphSessionOptions } from '../plain-session.ts';
import type { RowPool } from '../row-pool.ts';
import type { Session, Step, StepResult } from '../session.ts';
import { StepGate } from '../step-gate.ts';
import { onnxRuntimeLibrary } from './library-path.ts';
import { namedValues, OrtApi, type TensorData } from './ort-api.ts';

let api: OrtApi | undefined;

/** Loads ONNX Runtime's library, once a thread. @throws RuntimeFailureError where that does not go. */
export function loadNativeApi(): OrtApi {
  api ??= new OrtApi(onnxRuntimeLibrary());
  return api;
}

/** @throws RuntimeFailureError when the library or the graph does not load; InvalidFileError for a graph of another layout. */
export async function openNativeSession(modelPath: string, options: GraphSessionOptions): Promise<Session> {
  const ortApi = loadNativeApi();
  let session: bigint;
  try {
    session = (await ortApi.createSession(modelPath, options.threads))!;
  } catch (cause) {
    throw couldNotLoad(modelPath, cause);
  }
  try {
    checkGraphLayout(modelPath, ortApi.names(session), options);
  } catch (error) {
    ortApi.releaseSession(session);
    throw error;
  }
  return new NativeSession(ortApi, session, options);
}

/** K/V tensors over one range of rows; made once and kept while the pool's buffers stand. */
interface CacheTensors {
  readonly past: readonly (readonly [string, bigint])[];
  readonly present: readonly (readonly [string, bigint])[];
}

/** Ranges kept at once: decoding alternates with prefills of single rows. */
const KEPT_RANGES = 8;

class NativeSession implements Session {
  readonly runtime: string;
  readonly maxRows = Number.POSITIVE_INFINITY;
  readonly #api: OrtApi;
  readonly #session: bigint;
  readonly #options: GraphSessionOptions;
  readonly #gate = new StepGate();
  readonly #cacheTensors = new Map<string, CacheTensors>();
  /** Of the pool whose tensors are kept. Weak: a pool that gave its memory back shall not be kept from that. */
  #buffers: WeakRef<KvBuffer> | undefined;
  #logits: Float32Array = new Float32Array(0);
  #hidden: Float32Array = new Float32Array(0);

  constructor(ortApi: OrtApi, session: bigint, options: GraphSessionOptions) {
    this.#api = ortApi;
    this.#session = session;
    this.#options = options;
    this.runtime = `onnxruntime ${ortApi.version}, C API`;
  }

  step(step: Step): Promise<StepResult> {
    return this.#gate.run(() => this.#step(step));
  }

  dispose(): Promise<void> {
    return this.#gate.close(() => {
      this.#dropCacheTensors();
      this.#api.releaseSession(this.#session);
    });
  }

  async #step(step: Step): Promise<StepResult> {
    checkStep(step);
    const { layers, vocabSize, hidden, taps } = this.#options;
    const rows = step.totals.length;
    const asked = step.logitsAt.length;
    const { past, present } = this.#cacheTensorsFor(step.pool, step.firstRow, rows);
    const made: bigint[] = [];
    const used: unknown[] = [...step.pool.keys, ...step.pool.values];
    const tensor = (name: string, data: TensorData, shape: readonly number[]) => {
      const value = this.#api.createTensor(data, shape)!;
      made.push(value);
      used.push(data);
      return [name, value] as const;
    };
    try {
      if (this.#logits.length < asked * vocabSize) {
        this.#logits = allocateFloats(asked * vocabSize, `the logits of ${asked} positions`);
      }
      const inputs = [
        tensor('input_ids', int64(step.tokens), [rows, step.tokens.length / rows]),
        tensor('seqlens_k', int32(step.totals.map((total) => total - 1)), [rows]),
        tensor('total_sequence_length', int32([Math.max(...step.totals)]), [1]),
        tensor('logits_at', int64(step.logitsAt), [asked]),
        ...past,
      ];
      const logits = this.#logits.subarray(0, asked * vocabSize);
      const outputs = [tensor('logits', logits, [asked, vocabSize]), ...present];
      let states: Float32Array | undefined;
      if (taps) {
        const residual = step.residual ?? allocateFloats(layers * rows * hidden, 'residual offsets');
        inputs.push(tensor('residual_offset', residual, [layers, rows, hidden]));
        if (this.#hidden.length < layers * asked * hidden) {
          this.#hidden = allocateFloats(layers * asked * hidden, `hidden states of ${asked} positions`);
        }
        states = this.#hidden.subarray(0, layers * asked * hidden);
        outputs.push(tensor('hidden', states, [layers, asked, hidden]));
      }
      await this.#api.run(this.#session, namedValues(inputs), namedValues(outputs), used);
      return { logits, ...(step.hidden && states ? { hidden: states } : {}) };
    } finally {
      for (const value of made) this.#api.releaseTensor(value);
    }
  }

  #cacheTensorsFor(pool: RowPool, firstRow: number, rows: number): CacheTensors {
    const buffers = pool.keys[0]!;
    if (buffers !== this.#buffers?.deref()) {
      this.#dropCacheTensors();
      this.#buffers = new WeakRef(buffers);
    }
    const key = `${firstRow},${rows}`;
    const known = this.#cacheTensors.get(key);
    if (known) return known;
    if (this.#cacheTensors.size >= KEPT_RANGES) this.#dropCacheTensors();
    const shape = [rows, pool.shape.kvHeads, pool.capacity, pool.shape.headDim];
    const [from, to] = [firstRow * pool.rowStride, (firstRow + rows) * pool.rowStride];
    const past: [string, bigint][] = [];
    const present: [string, bigint][] = [];
    // kept before it is filled: what was made when a later one fails is released with the rest
    this.#cacheTensors.set(key, { past, present });
    try {
      for (let l = 0; l < pool.shape.layers; l++) {
        for (const [kind, buffers] of [
          ['key', pool.keys],
          ['value', pool.values],
        ] as const) {
          const value = this.#api.createTensor(buffers[l]!.subarray(from, to), shape)!;
          past.push([`past_key_values.${l}.${kind}`, value]);
          present.push([`present.${l}.${kind}`, value]);
        }
      }
    } catch (error) {
      this.#dropCacheTensors();
      throw error;
    }
    return { past, present };
  }

  #dropCacheTensors(): void {
    for (const { past } of this.#cacheTensors.values())
      for (const [, value] of past) this.#api.releaseTensor(value);
    this.#cacheTensors.clear();
  }
}

/** Short typed arrays can lie on V8's heap and move during a run; a buffer of its own cannot. */
function offHeap<T extends TensorData>(make: (buffer: ArrayBuffer) => T, bytes: number): T {
  return make(new ArrayBuffer(Math.max(bytes, 256)));
}

function int64(values: readonly number[]): BigInt64Array {
  const array = offHeap((buffer) => new BigInt64Array(buffer, 0, values.length), values.length * 8);
  for (let i = 0; i < values.length; i++) array[i] = BigInt(values[i]!);
  return array;
}

function int32(values: readonly number[]): Int32Array {
  const array = offHeap((buffer) => new Int32Array(buffer, 0, values.length), values.length * 4);
  array.set(values);
  return array;
}
