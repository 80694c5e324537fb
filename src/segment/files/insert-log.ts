// A segment's rows in the object store: docs/formats/insert-log.md. One Parquet file of all scalar and system columns, and one per vector
// field, so that a search node can load vectors alone and an index build can read one field.
import { assert } from '#base/assert.js';
import { bytesView } from '#base/bytes.js';
import { ElanusError } from '#base/errors.js';
import { batchOf, column, concatBatches, sliceColumn } from '#model/columns/column.js';
import { DataType, fixedWidth, isVectorType } from '#model/schema/data-type.js';
import { dimOf, primaryField, ROW_ID_FIELD, TIMESTAMP_FIELD } from '#model/schema/field.js';
import type { Column, ColumnBatch } from '#proto/elanus/data.js';
import { FileRecord } from '#proto/elanus/data.js';
import type { CollectionSchema, FieldSchema } from '#proto/milvus/schema.js';
import { ColumnStore, defaultBytes } from '#segment/fields/column-store.js';
import { type FieldRequest, ParquetFileReader } from '#segment/files/parquet/parquet-reader.js';
import type { ParquetField } from '#segment/files/parquet/parquet-type.js';
import { ParquetFile } from '#segment/files/parquet/parquet-writer.js';
import type { SegmentData } from '#segment/segment-data.js';
import { type FilePlatform, getFile, LOG_SUFFIX, putParts, type SegmentAddress } from './object-file.js';

export type { SegmentAddress } from './object-file.js';
export interface SegmentWrite {
  readonly address: SegmentAddress;
  readonly schema: CollectionSchema;
  readonly data: SegmentData;
  readonly rowBegin: number;
  readonly rowEnd: number;
  /** Unique within the segment; logs of a segment are read in the order of their ids. */
  readonly logId: bigint;
  /** The RowID of the first row; those of the next follow. Without it they are those of the rows in memory. */
  readonly rowIdBegin?: bigint;
  readonly signal?: AbortSignal;
}

/** Bytes (about) and rows that are encoded before other work gets a turn. */
export const GROUP_BYTES = 4 << 20;
export const GROUP_ROWS = 16_384;
export const SCALAR_GROUP = '0';
/** What the levels of a row take, about, where a file holds one column of vectors. */
export const LEVEL_BYTES = 6;

export const insertLogKey = (at: SegmentAddress, group: string, logId: bigint): string =>
  `insert_log/${at.collectionId}/${at.partitionId}/${at.segmentId}/${group}/${logId}${LOG_SUFFIX}`;
/** Files of version 1 had no suffix. */
const logIdOf = (file: FileRecord): bigint => BigInt(/\/(\d+)(?:\.parquet)?$/.exec(file.key)?.[1] ?? -1);
export const isInsertLog = (file: FileRecord): boolean => file.fieldIds.length > 0;
const systemField = (fieldId: bigint, name: string): FieldRequest => ({
  fieldId,
  name,
  dataType: DataType.Int64,
  elementType: DataType.None,
  dim: 0,
});

export const systemFields: readonly FieldRequest[] = [
  systemField(ROW_ID_FIELD, 'RowID'),
  systemField(TIMESTAMP_FIELD, 'Timestamp'),
];
export const requestOf = (field: FieldSchema): FieldRequest => ({
  fieldId: field.fieldID,
  name: field.name,
  dataType: field.dataType,
  elementType: field.elementType,
  dim: dimOf(field),
});

/** Writes rows [rowBegin, rowEnd), deleted ones too, and returns the files when all are durable. */
export async function writeSegment(platform: FilePlatform, write: SegmentWrite): Promise<FileRecord[]> {
  const { address, schema, rowBegin, rowEnd, data, logId } = write;
  assert(
    rowBegin >= 0 && rowBegin <= rowEnd && rowEnd <= data.rowCount,
    `rows ${rowBegin} to ${rowEnd} of ${data.rowCount}`,
  );
  if (rowBegin === rowEnd) return [];
  const fields = schema.fields.filter((field) => data.hasField(field.fieldID));
  const groups: { group: string; fields: FieldRequest[] }[] = [
    {
      group: SCALAR_GROUP,
      fields: [...systemFields, ...fields.filter((field) => !isVectorType(field.dataType)).map(requestOf)],
    },
    ...fields
      .filter((field) => isVectorType(field.dataType))
      .map((field) => ({ group: String(field.fieldID), fields: [requestOf(field)] })),
  ];
  const files: FileRecord[] = [];
  for (const { group, fields: members } of groups) {
    const put = await putParts(platform, insertLogKey(address, group, logId), encodedParts(write, members));
    files.push(
      FileRecord.create({
        ...put,
        fieldIds: members.map((field) => field.fieldId),
        rowCount: BigInt(rowEnd - rowBegin),
      }),
    );
  }
  return files;
}

/** The file of some fields in parts, made as they are asked for: memory has two of them, however large the segment. @throws cancelled */
function* encodedParts(write: SegmentWrite, members: readonly FieldRequest[]): Generator<Uint8Array> {
  const { data, schema, rowBegin, rowEnd } = write;
  const keyId = primaryField(schema).fieldID;
  const nullable = new Set(schema.fields.filter((field) => field.nullable).map((field) => field.fieldID));
  const fields = members.map((field): ParquetField => {
    const hasNulls =
      (data.column(field.fieldId)?.valid.length ?? 0) > 0 || data.hasNullVectors(field.fieldId);
    return {
      ...field,
      isOptional: nullable.has(field.fieldId) || hasNulls,
      isCompressed: !isVectorType(field.dataType),
      statistics: field.fieldId === keyId ? 'bloom' : 'ends',
    };
  });
  const rowBytes = members.reduce(
    (sum, field) =>
      sum +
      (field.dataType === DataType.ArrayOfVector
        ? listBytes(data, field.fieldId)
        : (fixedWidth(field.dataType, field.dim) ??
          (field.dataType === DataType.SparseFloatVector ? 1024 : 64))),
    0,
  );
  const step = Math.max(1, Math.min(GROUP_ROWS, Math.floor(GROUP_BYTES / Math.max(1, rowBytes))));
  const note = segmentNote(write.address);
  const file = new ParquetFile(fields, note, Math.min(rowEnd - rowBegin, step) * (rowBytes + LEVEL_BYTES));
  const scratch = new Map<bigint, Uint8Array>();
  for (let begin = rowBegin; begin < rowEnd; begin += step) {
    throwIfAborted(write.signal);
    const end = Math.min(rowEnd, begin + step);
    file.addRows(
      fields.map((field) => columnOfRows(write, field.fieldId, { begin, end }, scratch)),
      end - begin,
    );
    yield file.take();
  }
  throwIfAborted(write.signal);
  yield file.finish();
}

/** Whose rows a file has. */
export const segmentNote = ({ collectionId, partitionId, segmentId }: SegmentAddress) => ({
  'elanus.segment': JSON.stringify({
    collection: `${collectionId}`,
    partition: `${partitionId}`,
    segment: `${segmentId}`,
  }),
});

/** Bytes of the vectors of a row, on average. */
function listBytes(data: SegmentData, fieldId: bigint): number {
  const elements = data.vectorLists(fieldId)?.elements;
  const bytes = (elements?.rowCount ?? 0) * (elements?.store.vectorBytes ?? 0);
  return Math.ceil(bytes / Math.max(1, data.rowCount));
}

function columnOfRows(
  { data, rowIdBegin }: SegmentWrite,
  fieldId: bigint,
  { begin, end }: { readonly begin: number; readonly end: number },
  scratch: Map<bigint, Uint8Array>,
): Column {
  if (fieldId === ROW_ID_FIELD && rowIdBegin !== undefined)
    return column(ROW_ID_FIELD, DataType.Int64, risingNumbers(rowIdBegin + BigInt(begin), end - begin));
  const stored = fieldId === TIMESTAMP_FIELD ? undefined : data.column(fieldId);
  if (stored) return sliceColumn(stored, begin, end, data.rowCount);
  const rows = Uint32Array.from({ length: end - begin }, (_, i) => begin + i);
  const copied = data.copyVectors(fieldId, rows, scratch.get(fieldId));
  if (copied === undefined) return data.fetch(rows, [fieldId]).columns[0] as Column;
  // Its memory serves the next rows too: those before are encoded by then.
  if (!scratch.has(fieldId)) scratch.set(fieldId, copied.data);
  return copied;
}

/** Int64 values, each one more than the one before, without a bigint for each. */
function risingNumbers(first: bigint, count: number): Uint8Array {
  const words = new Uint32Array(count * 2);
  let low = Number(BigInt.asUintN(32, first));
  let high = Number(BigInt.asUintN(32, first >> 32n));
  for (let at = 0; at < words.length; at += 2) {
    words[at] = low;
    words[at + 1] = high;
    low = low === 0xffffffff ? 0 : low + 1;
    if (low === 0) high++;
  }
  return bytesView(words);
}

export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new ElanusError('cancelled', 'the caller stopped waiting for a segment file');
}

export async function openFile(platform: FilePlatform, file: FileRecord): Promise<ParquetFileReader> {
  const reader = new ParquetFileReader(await getFile(platform, file), file.key);
  if (BigInt(reader.rowCount) === file.rowCount) return reader;
  throw new ElanusError(
    'data_corrupt',
    `object ${file.key} has ${reader.rowCount} rows, expected ${file.rowCount}: restore it from a copy`,
  );
}

/** The columns of one file that the schema knows, system columns too; only `fieldIds` when given. */
export async function readInsertFile(
  platform: FilePlatform,
  file: FileRecord,
  schema: CollectionSchema,
  fieldIds?: readonly bigint[],
): Promise<ColumnBatch> {
  const reader = await openFile(platform, file);
  const wanted = [...systemFields, ...schema.fields.map(requestOf)].filter(
    (field) => file.fieldIds.includes(field.fieldId) && (fieldIds?.includes(field.fieldId) ?? true),
  );
  return batchOf(
    reader.rowCount,
    wanted.map((field) => reader.readColumn(field)),
  );
}

/** One field of all rows, in row order, for an index build. A log older than the field gives its default, or zero bytes marked null. */
export async function readColumn(
  platform: FilePlatform,
  segment: { readonly files: readonly FileRecord[] },
  field: FieldSchema,
): Promise<Column> {
  const request = requestOf(field);
  const parts: ColumnBatch[] = [];
  for (const log of logsOf(segment.files)) {
    const file = log.find((candidate) => candidate.fieldIds.includes(field.fieldID));
    const rows = Number(log[0]?.rowCount ?? 0n);
    parts.push(
      batchOf(rows, [
        file ? (await openFile(platform, file)).readColumn(request) : missingColumn(field, rows),
      ]),
    );
  }
  return concatBatches(parts).columns[0] ?? nullColumn(request, 0);
}

/** What rows have that were written before the field was added. */
export function missingColumn(field: FieldSchema, rows: number): Column {
  const bytes = isVectorType(field.dataType) ? undefined : defaultBytes(field);
  if (bytes === undefined) return nullColumn(requestOf(field), rows);
  const store = new ColumnStore(field.fieldID, field.dataType, 0, rows);
  store.setDefault(bytes);
  store.appendMissing(rows);
  return store.view();
}

function nullColumn(field: FieldRequest, rows: number): Column {
  const width = fixedWidth(field.dataType, field.dim);
  const offsets = new Uint8Array(width === undefined ? (rows + 1) * 4 : 0);
  return column(
    field.fieldId,
    field.dataType,
    new Uint8Array(rows * (width ?? 0)),
    offsets,
    new Uint8Array(rows),
  );
}

/** Files of one log each, in the order of log ids. @throws data_corrupt when files of a log differ in their rows */
export function logsOf(files: readonly FileRecord[]): FileRecord[][] {
  const logs = new Map<bigint, FileRecord[]>();
  for (const file of files.filter(isInsertLog)) {
    const id = logIdOf(file);
    const log = logs.get(id);
    if (!log) logs.set(id, [file]);
    else if (log[0]?.rowCount === file.rowCount) log.push(file);
    else {
      throw new ElanusError(
        'data_corrupt',
        `${file.key} has ${file.rowCount} rows, its log ${log[0]?.rowCount}: restore the segment's record`,
      );
    }
  }
  return [...logs].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, log]) => log);
}
