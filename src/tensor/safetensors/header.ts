/** The head of a safetensors file: u64 little-endian length, JSON, then the tensors' bytes without gaps. */
import { InvalidArgumentError, InvalidFileError } from '../../errors.ts';
import { dtypeBytes, isSafetensorsDtype, type SafetensorsDtype, safetensorsDtypes } from './dtype.ts';
import { parseHeaderJson, type RawTensorEntry } from './header-json.ts';
import { resolveSafetensorsLimits, type SafetensorsLimits } from './limits.ts';

/** Where one tensor lies. `begin` (inclusive) and `end` (exclusive) count bytes from the header's `dataOffset`. */
export interface SafetensorsEntry {
  readonly dtype: SafetensorsDtype;
  /** Row-major; an empty shape is a scalar. */
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

export interface SafetensorsHeader {
  /** In the order of the header. */
  readonly tensors: Map<string, SafetensorsEntry>;
  /** `__metadata__`; an object without prototype, empty where the file has none. */
  readonly metadata: Record<string, string>;
  /** Bytes before the first tensor: a tensor is at `dataOffset + begin` in the file. */
  readonly dataOffset: number;
}

/** Bytes to read before {@link safetensorsHeaderBytes} can tell how long the header is. */
export const safetensorsPrefixBytes = 8;

/**
 * How many leading bytes of the file {@link parseSafetensorsHeader} needs: read 8 bytes, ask this, read that many.
 *
 * @param prefix at least the first 8 bytes of the file (all of it where it is shorter).
 * @param fileSize bytes of the whole file.
 * @param path names the file in errors.
 * @returns 8 + header length, <= `fileSize` and <= 8 + `maxHeaderBytes`.
 * @throws InvalidFileError if the stated length is impossible; InvalidArgumentError if `prefix` is too short or long.
 */
export function safetensorsHeaderBytes(
  prefix: Uint8Array,
  fileSize: number,
  path: string,
  limits?: SafetensorsLimits,
): number {
  const { maxHeaderBytes } = resolveSafetensorsLimits(limits);
  if (!Number.isSafeInteger(fileSize) || fileSize < 0 || prefix.byteLength > fileSize) {
    throw new InvalidArgumentError(
      'fileSize',
      `fileSize must be an integer >= the ${prefix.byteLength} bytes given, not ${fileSize}.`,
    );
  }
  if (fileSize < safetensorsPrefixBytes) {
    throw new InvalidFileError(
      path,
      `Expected a safetensors file of at least 8 bytes, found ${fileSize}. Download or write it again.`,
    );
  }
  requirePrefix(prefix, safetensorsPrefixBytes);
  const view = new DataView(prefix.buffer, prefix.byteOffset, safetensorsPrefixBytes);
  const length = view.getBigUint64(0, true);
  const most = Math.min(maxHeaderBytes, fileSize - safetensorsPrefixBytes);
  if (length < 2n || length > BigInt(most)) {
    throw new InvalidFileError(
      path,
      `Expected a safetensors header of 2 to ${most} bytes (file of ${fileSize}, limit ${maxHeaderBytes}), ` +
        `found a stated length of ${length}. The file is truncated, damaged or not safetensors: get it again.`,
    );
  }
  return safetensorsPrefixBytes + Number(length);
}

/**
 * Reads the header from the first bytes of a file of any size, so that tensors can then be read by range.
 * Everything is checked before it is returned: types, shapes, and that the tensors tile the rest of the file exactly
 * (no overlap, no hole, no left-over bytes), so `dataOffset + end <= fileSize` and
 * `end - begin = product(shape) * bytes of dtype` hold for each.
 *
 * @param prefix the first {@link safetensorsHeaderBytes} bytes of the file, or more.
 * @param fileSize bytes of the whole file.
 * @param path names the file in errors.
 * @throws InvalidFileError for a damaged file; InvalidArgumentError if `prefix` does not hold the whole header.
 * @see https://github.com/huggingface/safetensors#format
 */
export function parseSafetensorsHeader(
  prefix: Uint8Array,
  fileSize: number,
  path: string,
  limits?: SafetensorsLimits,
): SafetensorsHeader {
  const dataOffset = safetensorsHeaderBytes(prefix, fileSize, path, limits);
  requirePrefix(prefix, dataOffset);
  const text = decodeUtf8(prefix, dataOffset, path);
  const { entries, metadata } = parseHeaderJson(text, path, resolveSafetensorsLimits(limits));
  const tensors = new Map<string, SafetensorsEntry>();
  for (const [name, raw] of entries) tensors.set(name, checkEntry(name, raw, path));
  checkTiling(tensors, fileSize - dataOffset, path);
  return { tensors, metadata, dataOffset };
}

function requirePrefix(prefix: Uint8Array, needed: number): void {
  if (prefix.byteLength < needed) {
    throw new InvalidArgumentError(
      'prefix',
      `The first ${needed} bytes of the file are needed, ${prefix.byteLength} were given. Read that many.`,
    );
  }
}

function decodeUtf8(prefix: Uint8Array, end: number, path: string): string {
  // A copy: TextDecoder refuses views of shared memory. ignoreBOM keeps a BOM, which then fails as "not '{'".
  const bytes = new Uint8Array(end - safetensorsPrefixBytes);
  bytes.set(prefix.subarray(safetensorsPrefixBytes, end));
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new InvalidFileError(
      path,
      'Expected a safetensors header in UTF-8, found bytes that are not. Get the file again.',
      {
        cause,
      },
    );
  }
}

function checkEntry(name: string, raw: RawTensorEntry, path: string): SafetensorsEntry {
  const fail = (message: string): never => {
    throw new InvalidFileError(path, `Tensor ${JSON.stringify(name)}: ${message}`);
  };
  const { dtype, shape } = raw;
  if (!isSafetensorsDtype(dtype)) {
    return fail(`expected a dtype of ${safetensorsDtypes.join(', ')}, found ${JSON.stringify(dtype)}.`);
  }
  const [begin, end] = raw.offsets;
  if (begin === undefined || end === undefined || begin > end) {
    return fail(`expected data_offsets [begin, end] with begin <= end, found [${raw.offsets.join(', ')}].`);
  }
  let bytes = dtypeBytes(dtype);
  for (const size of shape) bytes *= size;
  // The product is exact where it is a safe integer; past that it can only be larger than any file.
  if (!Number.isSafeInteger(bytes)) return fail(`the shape [${shape.join(', ')}] is too large for any file.`);
  if (end - begin !== bytes) {
    return fail(
      `${dtype} of shape [${shape.join(', ')}] takes ${bytes} bytes, but its data_offsets ` +
        `[${begin}, ${end}] hold ${end - begin}. The file is damaged: get it again.`,
    );
  }
  return { dtype, shape, begin, end };
}

function checkTiling(tensors: ReadonlyMap<string, SafetensorsEntry>, dataBytes: number, path: string): void {
  const order = [...tensors].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end);
  let covered = 0;
  for (const [name, { begin, end }] of order) {
    if (begin !== covered) {
      throw new InvalidFileError(
        path,
        `Tensor ${JSON.stringify(name)} begins at data byte ${begin}, expected ${covered}: the tensors ` +
          `${begin < covered ? 'overlap' : 'leave a hole'}. The file is damaged: get it again.`,
      );
    }
    covered = end;
  }
  if (covered !== dataBytes) {
    throw new InvalidFileError(
      path,
      `Expected ${covered} bytes of tensors after the header, found ${dataBytes}. ` +
        `The file ${dataBytes < covered ? 'is truncated' : 'has left-over bytes'}: get it again.`,
    );
  }
}
