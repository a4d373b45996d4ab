/** Writes the matrices of a checkpoint into the weight file: as float32, or as MatMulNBits blocks. */
import type { Checkpoint } from './checkpoint.ts';
import { blockCodec, dequantize, unpackBlocks } from './dequantize.ts';
import type { WeightRef } from './graph-builder.ts';
import { blockImage, productBlockSize, quantizeToEightBits } from './quantized-matmul.ts';
import { isFloatType, type StorageType } from './storage-type.ts';
import type { WeightFile } from './weight-file.ts';

export type Precision = 'fp32' | 'q4';

/** N outputs, K inputs, in float32. */
export interface FloatMatrix {
  readonly kind: 'float';
  readonly n: number;
  readonly k: number;
  /** [K, N] where transposed, else [N, K]. */
  readonly weight: WeightRef;
}

/** N outputs, K inputs, in blocks along K; see quantized-matmul.ts. */
export interface BlockMatrix {
  readonly kind: 'blocks';
  readonly n: number;
  readonly k: number;
  readonly bits: 4 | 8;
  readonly blockSize: 16 | 32;
  /** [N, K / blockSize, blockSize * bits / 8] */
  readonly packed: WeightRef;
  /** [N, K / blockSize] */
  readonly scales: WeightRef;
  /** Weights under one factor of the correction. */
  readonly correctionSize: 16 | 32;
  /** [K / correctionSize, N] where transposed, else [N, K / correctionSize]. */
  readonly correction: WeightRef | null;
}

export type Matrix = FloatMatrix | BlockMatrix;

export interface MatrixSource {
  readonly checkpoint: Checkpoint;
  readonly precision: Precision;
  readonly file: WeightFile;
  readonly signal?: AbortSignal | undefined;
  /** Called with the source bytes of each part done. */
  readonly onBytes?: ((bytes: number) => void) | undefined;
}

/** Weights that are held as float32 at once while a matrix streams through. */
const CHUNK_WEIGHTS = 2 ** 20;

/** What a stored type becomes: tensors whose layouts differ cannot be fused into one matrix. */
type Layout = { readonly bits: 4 | 8; readonly size: 16 | 32; readonly hasMinima: boolean } | 'float';

function layoutOf(type: StorageType, k: number, precision: Precision): Layout {
  if (precision === 'fp32') return 'float';
  if (!isFloatType(type)) return blockCodec(type);
  // blocks of 32 must fill the row; the rare matrix where they do not stays float32
  return k % 32 === 0 ? { bits: 8, size: 32, hasMinima: false } : 'float';
}

export type MatrixUse = 'product' | 'sensitiveProduct' | 'table';

/** True where the tensors can be one matrix, rows after rows. */
export function canFuse(source: MatrixSource, names: readonly string[]): boolean {
  const keys = names.map((name) => {
    const { type, shape } = source.checkpoint.tensors.get(name)!;
    const layout = layoutOf(type, shape[1]!, source.precision);
    return layout === 'float' ? layout : `${layout.bits} ${layout.size} ${layout.hasMinima}`;
  });
  return new Set(keys).size === 1;
}

/**
 * @param names tensors [N_i, K] that {@link canFuse}; their rows follow each other.
 * @param use `product` with activations [.., K]; `sensitiveProduct`: one that rounds them finer, see quantized-matmul.ts;
 *   `table`: of rows (an embedding).
 */
export async function writeMatrix(
  source: MatrixSource,
  names: readonly string[],
  use: MatrixUse,
): Promise<Matrix> {
  const { tensors } = source.checkpoint;
  const { type, shape } = tensors.get(names[0]!)!;
  const k = shape[1]!;
  const n = names.reduce((sum, name) => sum + tensors.get(name)!.shape[0]!, 0);
  const layout = layoutOf(type, k, source.precision);
  if (layout === 'float') return writeFloats(source, names, n, k, use !== 'table');
  return writeBlocks(source, names, n, k, layout, use);
}

async function writeFloats(
  source: MatrixSource,
  names: readonly string[],
  n: number,
  k: number,
  transposed: boolean,
): Promise<FloatMatrix> {
  const { file } = source;
  const weight = file.reserve('float32', transposed ? [k, n] : [n, k]);
  const columns = transposed ? new Float32Array(k * n) : null;
  for await (const { row, type, bytes } of rowChunks(source, names, k)) {
    const values = dequantize(type, bytes);
    if (columns) transposeInto(columns, values, row, k, n);
    else await file.fill(weight, values, row * k * 4);
  }
  if (columns) await file.fill(weight, columns);
  return { kind: 'float', n, k, weight };
}

async function writeBlocks(
  source: MatrixSource,
  names: readonly string[],
  n: number,
  k: number,
  { bits, size, hasMinima }: Exclude<Layout, 'float'>,
  use: MatrixUse,
): Promise<BlockMatrix> {
  const { file } = source;
  const transposed = use !== 'table';
  const halved = use === 'sensitiveProduct';
  const blockSize = productBlockSize({ bits, size }, halved);
  const blocks = k / blockSize;
  const blockBytes = (blockSize * bits) / 8;
  const factors = k / size;
  const packed = file.reserve('uint8', [n, blocks, blockBytes]);
  const scales = file.reserve('float32', [n, blocks]);
  const correction = hasMinima ? file.reserve('float32', transposed ? [factors, n] : [n, factors]) : null;
  const columns = correction && transposed ? new Float32Array(factors * n) : null;
  for await (const { row, type, bytes } of rowChunks(source, names, k)) {
    const unpacked = isFloatType(type)
      ? quantizeToEightBits(dequantize(type, bytes))
      : unpackBlocks(type, bytes);
    const image = blockImage(unpacked, halved);
    await file.fill(packed, image.packed, row * blocks * blockBytes);
    await file.fill(scales, image.scales, row * blocks * 4);
    if (columns) transposeInto(columns, image.correction!, row, factors, n);
    else if (correction) await file.fill(correction, image.correction!, row * factors * 4);
  }
  if (correction && columns) await file.fill(correction, columns);
  return { kind: 'blocks', n, k, bits, blockSize, packed, scales, correctionSize: size, correction };
}

/** `rows` [R, width], which start at row `first` of [n, width], into `columns` [width, n]. */
function transposeInto(
  columns: Float32Array,
  rows: Float32Array,
  first: number,
  width: number,
  n: number,
): void {
  for (let at = 0, row = first; at < rows.length; row++) {
    for (let column = 0; column < width; column++, at++) columns[column * n + row] = rows[at]!;
  }
}

async function* rowChunks(
  { checkpoint, signal, onBytes }: MatrixSource,
  names: readonly string[],
  k: number,
): AsyncGenerator<{ row: number; type: StorageType; bytes: Uint8Array }> {
  const most = Math.max(1, Math.floor(CHUNK_WEIGHTS / k));
  let row = 0;
  for (const name of names) {
    const { shape, type } = checkpoint.tensors.get(name)!;
    const rows = shape[0]!;
    for (let first = 0; first < rows; first += most) {
      signal?.throwIfAborted();
      const count = Math.min(most, rows - first);
      const bytes = await checkpoint.readRows(name, first, count);
      yield { row, type, bytes };
      row += count;
      onBytes?.(bytes.length);
    }
  }
}

/** Vectors (norms, biases), one after the other, in float32. */
export async function writeVector(source: MatrixSource, names: readonly string[]): Promise<WeightRef> {
  const parts: Float32Array[] = [];
  for (const name of names) {
    const bytes = await source.checkpoint.read(name);
    parts.push(dequantize(source.checkpoint.tensors.get(name)!.type, bytes));
    source.onBytes?.(bytes.length);
  }
  const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return source.file.add('float32', [all.length], all);
}
