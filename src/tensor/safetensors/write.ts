import { InvalidArgumentError } from '../../errors.ts';
import { copyInHostOrder } from './byte-order.ts';
import { dtypeBytes, type SafetensorsDtype } from './dtype.ts';
import { defaultSafetensorsLimits } from './limits.ts';

/** A tensor to write; the array's type gives the dtype: F32, F64, I32, I64 or U8. */
export interface SafetensorsInput {
  /** Row-major; the product is `data.length`. An empty shape is a scalar. */
  readonly shape: readonly number[];
  readonly data: Float32Array | Float64Array | Int32Array | BigInt64Array | Uint8Array;
}

const dtypeOfArray = {
  Float32Array: 'F32',
  Float64Array: 'F64',
  Int32Array: 'I32',
  BigInt64Array: 'I64',
  Uint8Array: 'U8',
} as const satisfies Record<SafetensorsInput['data'][typeof Symbol.toStringTag], SafetensorsDtype>;

interface Part {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: SafetensorsDtype;
  readonly bytes: Uint8Array;
}

/**
 * A safetensors file as bytes. Equal input gives equal bytes, whatever the order of the map or the object: tensors are
 * laid out with the widest elements first and then by name (UTF-16 code units), so that each is aligned to its element
 * size; metadata is sorted by key; the header is padded with spaces to a multiple of 8. Values are written as they are,
 * NaN and infinities included.
 *
 * @throws InvalidArgumentError for a name or metadata text that is not valid Unicode, the name `__metadata__`, a shape
 * that does not fit the data, an array of another type, or more than the reader's default limits take.
 */
export function writeSafetensors(
  tensors: ReadonlyMap<string, SafetensorsInput>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  if (tensors.size > defaultSafetensorsLimits.maxTensors) {
    throw new InvalidArgumentError(
      'tensors',
      `At most ${defaultSafetensorsLimits.maxTensors} tensors fit one file, not ${tensors.size}.`,
    );
  }
  const parts = [...tensors].map(([name, input]) => toPart(name, input)).sort(compareParts);

  const members: string[] = [];
  const keys = Object.keys(metadata).sort();
  if (keys.length > 0) {
    members.push(`"__metadata__":{${keys.map((key) => metadataMember(key, metadata[key])).join(',')}}`);
  }
  let dataBytes = 0;
  for (const { name, shape, dtype, bytes } of parts) {
    const begin = dataBytes;
    dataBytes += bytes.byteLength;
    const info = `{"dtype":"${dtype}","shape":[${shape.join(',')}],"data_offsets":[${begin},${dataBytes}]}`;
    members.push(`${JSON.stringify(name)}:${info}`);
  }
  const header = new TextEncoder().encode(`{${members.join(',')}}`);
  const headerBytes = Math.ceil(header.length / 8) * 8;
  if (headerBytes > defaultSafetensorsLimits.maxHeaderBytes) {
    throw new InvalidArgumentError(
      'metadata',
      `The header may take ${defaultSafetensorsLimits.maxHeaderBytes} bytes, not ${headerBytes}. Shorten the metadata.`,
    );
  }

  const file = new Uint8Array(8 + headerBytes + dataBytes);
  new DataView(file.buffer).setBigUint64(0, BigInt(headerBytes), true);
  file.set(header, 8);
  file.fill(0x20, 8 + header.length, 8 + headerBytes);
  let at = 8 + headerBytes;
  for (const { dtype, bytes } of parts) {
    file.set(copyInHostOrder(bytes, dtypeBytes(dtype)), at);
    at += bytes.byteLength;
  }
  return file;
}

function toPart(name: string, { shape, data }: SafetensorsInput): Part {
  const what = `Tensor ${JSON.stringify(name)}`;
  requireUnicode(name, 'tensors', 'a tensor name');
  if (name === '__metadata__') {
    throw new InvalidArgumentError(
      'tensors',
      'No tensor can be called __metadata__: the format reserves it.',
    );
  }
  // The tag, not instanceof: arrays of another realm (a worker, a test environment) are welcome.
  const dtype = dtypeOfArray[data[Symbol.toStringTag]];
  if (dtype === undefined) {
    const known = Object.keys(dtypeOfArray).join(', ');
    throw new InvalidArgumentError('tensors', `${what}: expected data as one of ${known}.`);
  }
  if (shape.length > defaultSafetensorsLimits.maxDims) {
    throw new InvalidArgumentError(
      'tensors',
      `${what}: at most ${defaultSafetensorsLimits.maxDims} dims, not ${shape.length}.`,
    );
  }
  const fits = shape.every((size) => Number.isSafeInteger(size) && size >= 0);
  if (!fits || shape.reduce((product, size) => product * size, 1) !== data.length) {
    throw new InvalidArgumentError(
      'tensors',
      `${what}: the shape [${shape.join(', ')}] does not hold ${data.length} elements.`,
    );
  }
  return { name, shape, dtype, bytes: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) };
}

function compareParts(a: Part, b: Part): number {
  return dtypeBytes(b.dtype) - dtypeBytes(a.dtype) || (a.name < b.name ? -1 : 1);
}

function metadataMember(key: string, value: unknown): string {
  if (typeof value !== 'string') {
    throw new InvalidArgumentError(
      'metadata',
      `Metadata ${JSON.stringify(key)} must be text, not ${typeof value}.`,
    );
  }
  requireUnicode(key, 'metadata', 'a metadata key');
  requireUnicode(value, 'metadata', `metadata ${JSON.stringify(key)}`);
  return `${JSON.stringify(key)}:${JSON.stringify(value)}`;
}

function requireUnicode(text: string, argument: string, what: string): void {
  // A lone surrogate would be written as U+FFFD and not read back.
  if (/\p{Surrogate}/u.test(text)) {
    throw new InvalidArgumentError(argument, `Expected valid Unicode in ${what}, found a lone surrogate.`);
  }
}
