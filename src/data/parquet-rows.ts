import type { AsyncBuffer, Compressors, FileMetaData } from 'hyparquet';
import { InvalidFileError } from '../errors.ts';
import type { Row } from './rows.ts';

/** Of a row group, as the file declares it: a group is decoded whole. */
const MAX_GROUP_BYTES = 512 * 2 ** 20;
/** Of a page, as its header declares it. */
const MAX_PAGE_BYTES = 128 * 2 ** 20;
const MAX_FOOTER_BYTES = 64 * 2 ** 20;

/**
 * The rows of a Parquet file, a row group at a time. Whole numbers are numbers where those hold them exactly.
 *
 * @throws InvalidFileError for a file that is damaged or has larger row groups than 512 MiB; the signal's reason.
 */
export async function* readParquetRows(path: string, signal: AbortSignal | undefined): AsyncGenerator<Row> {
  const { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } = await import('hyparquet');
  const { compressors } = await import('hyparquet-compressors');
  const file = await asyncBufferFromFile(path);
  const bounded = boundedCompressors(compressors);
  const metadata = await naming(path, async () => {
    await checkFooter(file);
    return checkedMetadata(await parquetMetadataAsync(file), file);
  });
  let rowStart = 0;
  for (const group of metadata.row_groups) {
    signal?.throwIfAborted();
    const rowEnd = rowStart + Number(group.num_rows);
    const rows = await naming(path, () =>
      parquetReadObjects({ file, metadata, rowStart, rowEnd, compressors: bounded }),
    );
    for (const [index, row] of rows.entries()) yield { line: rowStart + index + 1, value: plain(row) };
    rowStart = rowEnd;
  }
}

async function checkFooter(file: AsyncBuffer): Promise<void> {
  if (file.byteLength < 12) throw new Error('it is too short');
  const tail = new DataView(await file.slice(file.byteLength - 8, file.byteLength));
  const bytes = tail.getUint32(0, true);
  if (bytes > MAX_FOOTER_BYTES) throw new Error(`its footer says it has ${bytes} bytes`);
}

function checkedMetadata(metadata: FileMetaData, file: AsyncBuffer): FileMetaData {
  for (const { num_rows, columns } of metadata.row_groups) {
    let bytes = 0;
    for (const { meta_data } of columns) {
      bytes += Number(meta_data?.total_uncompressed_size ?? 0);
      if (Number(meta_data?.total_compressed_size ?? 0) > file.byteLength) {
        throw new Error('a column is larger than the file');
      }
    }
    if (bytes > MAX_GROUP_BYTES || num_rows > MAX_GROUP_BYTES) {
      throw new Error(`a row group has ${bytes} bytes, and at most ${MAX_GROUP_BYTES} are read at once`);
    }
  }
  return metadata;
}

/** The declared length of a page is allocated before it is unpacked. */
function boundedCompressors(compressors: Compressors): Compressors {
  const entries = Object.entries(compressors).map(([codec, unpack]) => [
    codec,
    (input: Uint8Array, outputLength: number) => {
      if (outputLength > MAX_PAGE_BYTES) throw new Error(`a page says it has ${outputLength} bytes`);
      return unpack(input, outputLength);
    },
  ]);
  return Object.fromEntries(entries);
}

async function naming<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new InvalidFileError(path, `cannot be read as Parquet: ${why}. Fetch or write it again.`, {
      cause,
    });
  }
}

/** 64-bit numbers to plain ones, all the way down. */
function plain(value: unknown): unknown {
  if (typeof value === 'bigint') {
    return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  }
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) {
    return value;
  }
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, plain(each)]));
}
