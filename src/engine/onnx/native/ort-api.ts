/**
 * ONNX Runtime's C API through koffi. The functions stand in one struct, `OrtApi`, whose order never changes
 * (onnxruntime_c_api.h: "NO CHANGES" above the version marks), so an index names a function for good.
 */
import '../telemetry-off.ts';
import koffi from 'koffi';
import { RuntimeFailureError } from '../../../errors.ts';

type Pointer = bigint | null;
type NativeFunction = { (...args: unknown[]): unknown; async(...args: unknown[]): void };
type TypeSpec = Parameters<typeof koffi.sizeof>[0];

const handle = 'void *';
const size = 'size_t';
const outHandle = koffi.out(koffi.pointer(koffi.pointer('void')));

/** Name -> [index in OrtApi, result, arguments]. All of these are in API version 14 and every later one. */
const functions = {
  GetErrorMessage: [2, 'const char *', [handle]],
  CreateEnv: [3, handle, ['int', 'str', outHandle]],
  CreateSession: [7, handle, [handle, handle, handle, handle]],
  Run: [9, handle, [handle, handle, handle, handle, size, handle, size, handle]],
  CreateSessionOptions: [10, handle, [outHandle]],
  SetSessionGraphOptimizationLevel: [23, handle, [handle, 'int']],
  SetIntraOpNumThreads: [24, handle, [handle, 'int']],
  SessionGetInputCount: [30, handle, [handle, handle]],
  SessionGetOutputCount: [31, handle, [handle, handle]],
  SessionGetInputName: [36, handle, [handle, size, handle, outHandle]],
  SessionGetOutputName: [37, handle, [handle, size, handle, outHandle]],
  CreateTensorWithDataAsOrtValue: [49, handle, [handle, handle, size, handle, size, 'int', outHandle]],
  CreateCpuMemoryInfo: [69, handle, ['int', 'int', outHandle]],
  AllocatorFree: [76, handle, [handle, handle]],
  GetAllocatorWithDefaultOptions: [78, handle, [outHandle]],
  ReleaseStatus: [93, 'void', [handle]],
  ReleaseSession: [95, 'void', [handle]],
  ReleaseValue: [96, 'void', [handle]],
  ReleaseSessionOptions: [100, 'void', [handle]],
} as const satisfies Record<string, readonly [number, string, readonly TypeSpec[]]>;

const apiVersion = 14;
const tableLength = 140;
/** Errors come back as exceptions; ONNX Runtime's log would print them as well. */
const logFatalOnly = 4;
/** What native code holds addresses into while it runs beside JS; nothing else keeps it from the garbage collector. */
const held = new Set<readonly unknown[]>();

/** ONNX Runtime's kernels need more than koffi's default of 128 KiB on the thread that runs them. */
const stackBytes = 4 << 20;

const elementTypes = { Float32Array: 1, Int32Array: 6, BigInt64Array: 7, Uint16Array: 10 } as const;
export type TensorData = Float32Array | Int32Array | BigInt64Array | Uint16Array;

export class OrtApi {
  readonly version: string;
  /** Handles made and not yet released. */
  readonly alive = { sessions: 0, tensors: 0 };
  readonly #functions: Record<keyof typeof functions, NativeFunction>;
  readonly #env: Pointer;
  readonly #memoryInfo: Pointer;
  readonly #allocator: Pointer;

  /** @throws RuntimeFailureError when the library does not load or does not serve the API. */
  constructor(libraryPath: string) {
    try {
      // throws once any library was loaded with other settings: then the small stack is not safe to use
      if ((koffi.config().async_stack_size ?? 0) < stackBytes) {
        koffi.config({ ...koffi.config(), async_stack_size: stackBytes });
      }
      const library = koffi.load(libraryPath);
      const base: unknown = library.func('void *OrtGetApiBase()')();
      const [getApi, getVersion] = koffi.decode(base, handle, 2) as [Pointer, Pointer];
      this.version = koffi.decode(getVersion, koffi.proto('const char *()'))() as string;
      const api: unknown = koffi.decode(getApi, koffi.proto('void *(uint32_t)'))(apiVersion);
      if (!api)
        throw new Error(`ONNX Runtime ${this.version} does not serve version ${apiVersion} of its C API`);
      const table = koffi.decode(api, handle, tableLength) as Pointer[];
      this.#functions = Object.fromEntries(
        Object.entries(functions).map(([name, [index, result, args]]) => [
          name,
          koffi.decode(table[index], koffi.proto(result, [...args])),
        ]),
      ) as Record<keyof typeof functions, NativeFunction>;
      this.#env = this.create('CreateEnv', logFatalOnly, 'kvsteer');
      this.#memoryInfo = this.create('CreateCpuMemoryInfo', 0, 0);
      // the library's own: never released
      this.#allocator = this.create('GetAllocatorWithDefaultOptions');
    } catch (cause) {
      if (cause instanceof RuntimeFailureError) throw cause;
      throw new RuntimeFailureError(
        `${libraryPath} could not be used: ${cause instanceof Error ? cause.message : cause}.`,
        {
          cause,
        },
      );
    }
  }

  /** Loads beside the event loop. @throws RuntimeFailureError with ONNX Runtime's own message */
  async createSession(modelPath: string, threads: number): Promise<Pointer> {
    const options = this.create('CreateSessionOptions');
    try {
      this.call('SetIntraOpNumThreads', options, threads);
      this.call('SetSessionGraphOptimizationLevel', options, 99);
      // ORTCHAR_T is UTF-16 on Windows
      const path = offHeapBytes(`${modelPath}\0`, process.platform === 'win32' ? 'utf16le' : 'utf8');
      const result = offHeapHandles([0n]);
      await this.#beside(
        'CreateSession',
        [path, result],
        [this.#env, koffi.address(path), options, koffi.address(result)],
      );
      this.alive.sessions++;
      return result[0]!;
    } finally {
      this.#functions.ReleaseSessionOptions(options);
    }
  }

  /** Names of a session's inputs and outputs. */
  names(session: Pointer): { readonly inputs: readonly string[]; readonly outputs: readonly string[] } {
    const list = (kind: 'Input' | 'Output') => {
      const count = offHeapHandles([0n]);
      this.call(`SessionGet${kind}Count`, session, koffi.address(count));
      return Array.from({ length: Number(count[0]) }, (_, i) => {
        const name = this.create(`SessionGet${kind}Name`, session, i, this.#allocator);
        try {
          return koffi.decode(name, 'char', -1) as string;
        } finally {
          this.call('AllocatorFree', this.#allocator, name);
        }
      });
    };
    return { inputs: list('Input'), outputs: list('Output') };
  }

  /** A tensor over the memory of `data`, which must stay alive, in its place and off V8's heap until released. */
  createTensor(data: TensorData, shape: readonly number[]): Pointer {
    const type = elementTypes[data.constructor.name as keyof typeof elementTypes];
    const dims = BigInt64Array.from(shape, BigInt);
    const tensor = this.create(
      'CreateTensorWithDataAsOrtValue',
      this.#memoryInfo,
      koffi.address(data),
      data.byteLength,
      dims,
      dims.length,
      type,
    );
    this.alive.tensors++;
    return tensor;
  }

  /** Runs beside the event loop; `keep` is what the tensors lie in. */
  run(session: Pointer, inputs: NamedValues, outputs: NamedValues, keep: readonly unknown[]): Promise<void> {
    return this.#beside(
      'Run',
      [inputs, outputs, keep],
      [
        session,
        null,
        koffi.address(inputs.names),
        koffi.address(inputs.values),
        inputs.values.length,
        koffi.address(outputs.names),
        outputs.values.length,
        koffi.address(outputs.values),
      ],
    );
  }

  releaseSession(session: Pointer): void {
    this.#functions.ReleaseSession(session);
    this.alive.sessions--;
  }

  releaseTensor(tensor: Pointer): void {
    this.#functions.ReleaseValue(tensor);
    this.alive.tensors--;
  }

  /** Calls on a thread of the pool; `keep` stays alive meanwhile. */
  async #beside(
    name: keyof typeof functions,
    keep: readonly unknown[],
    args: readonly unknown[],
  ): Promise<void> {
    held.add(keep);
    try {
      await new Promise<void>((resolve, reject) => {
        this.#functions[name].async(...args, (error: unknown, status: Pointer) => {
          try {
            if (error) throw error;
            this.#check(status);
            resolve();
          } catch (failure) {
            reject(failure);
          }
        });
      });
    } finally {
      held.delete(keep);
    }
  }

  private call(name: keyof typeof functions, ...args: unknown[]): void {
    this.#check(this.#functions[name](...args) as Pointer);
  }

  private create(name: keyof typeof functions, ...args: unknown[]): Pointer {
    const result: [Pointer] = [null];
    this.call(name, ...args, result);
    return result[0];
  }

  #check(status: Pointer): void {
    if (!status) return;
    const message = this.#functions.GetErrorMessage(status) as string;
    this.#functions.ReleaseStatus(status);
    throw new RuntimeFailureError(`ONNX Runtime: ${message}`);
  }
}

/** C strings and handles in arrays, as `Run` wants them. */
export interface NamedValues {
  /** [n] addresses of NUL-terminated names. */
  readonly names: BigUint64Array;
  /** [n] OrtValue handles. */
  readonly values: BigUint64Array;
  /** What the addresses point into. */
  readonly keep: readonly unknown[];
}

export function namedValues(entries: readonly (readonly [string, Pointer])[]): NamedValues {
  const strings = entries.map(([name]) => offHeapBytes(`${name}\0`, 'utf8'));
  return {
    names: offHeapHandles(strings.map((text) => koffi.address(text))),
    values: offHeapHandles(entries.map(([, value]) => value ?? 0n)),
    keep: strings,
  };
}

// short typed arrays can lie on V8's heap and move during a run; a buffer of its own cannot

function offHeapHandles(values: readonly bigint[]): BigUint64Array {
  const array = new BigUint64Array(new ArrayBuffer(Math.max(64, values.length) * 8), 0, values.length);
  array.set(values);
  return array;
}

function offHeapBytes(text: string, encoding: BufferEncoding): Uint8Array {
  const bytes = Buffer.from(text, encoding);
  const array = new Uint8Array(new ArrayBuffer(Math.max(64, bytes.length)), 0, bytes.length);
  array.set(bytes);
  return array;
}
