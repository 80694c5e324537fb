// A segment's rows in the object store: docs/formats/insert-log.md. One Parquet file of all scalar and system columns, and one per vector
// field, so that a search node can load vectors alone and an index build can read one field.
import { assert } from '#base/assert.js';
import { bytesView } from '#base/bytes.js';
import { ElanusError } from '#base/errors.js';
import type { ChunkStatistics, RowGroupStatistics } from '#index/scalar/statistics/chunk-statistics.js';
import { batchOf, column, concatBatches, rowCountOf, sliceColumn } from '#model/columns/column.js';
import { DataType, fixedWidth, isVectorType } from '#model/schema/data-type.js';
import { dimOf, primaryField, ROW_ID_FIELD, TIMESTAMP_FIELD } from '#model/schema/field.js';
import type { Platform } from '#platform/platform.js';
import type { Column, ColumnBatch } from '#proto/elanus/data.js';
import { FileRecord, type SegmentRecord } from '#proto/elanus/data.js';
import type { CollectionSchema, FieldSchema } from '#proto/milvus/schema.js';
import { ColumnStore, defaultBytes } from '#segment/fields/column-store.js';
import type { FileVectors } from '#segment/fields/file-vectors.js';
import type { FixedColumn } from '#segment/files/parquet/fixed-column.js';
import { type FieldRequest, ParquetFileReader } from '#segment/files/parquet/parquet-reader.js';
import type { ParquetField } from '#segment/files/parquet/parquet-type.js';
import { ParquetFile } from '#segment/files/parquet/parquet-writer.js';
import { SegmentStatistics } from '#segment/filters/segment-statistics.js';
import { SegmentData } from '#segment/segment-data.js';
import { applyDeleteSet, readDeletes } from './delta-log.js';
import { type FilePlatform, getFile, LOG_SUFFIX, putFile, type SegmentAddress } from './object-file.js';

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
const isInsertLog = (file: FileRecord): boolean => file.fieldIds.length > 0;
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
    const bytes = await encodeGroup(platform, write, members);
    const put = await putFile(platform, insertLogKey(address, group, logId), bytes);
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

async function encodeGroup(
  platform: FilePlatform,
  write: SegmentWrite,
  members: readonly FieldRequest[],
): Promise<Uint8Array> {
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
  const file = new ParquetFile(fields, note, (rowEnd - rowBegin) * (rowBytes + LEVEL_BYTES));
  for (let begin = rowBegin; begin < rowEnd; begin += step) {
    throwIfAborted(write.signal);
    const end = Math.min(rowEnd, begin + step);
    file.addRows(
      fields.map((field) => columnOfRows(write, field.fieldId, begin, end)),
      end - begin,
    );
    await platform.timers.yield();
  }
  return file.finish();
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
  begin: number,
  end: number,
): Column {
  if (fieldId === ROW_ID_FIELD && rowIdBegin !== undefined)
    return column(ROW_ID_FIELD, DataType.Int64, risingNumbers(rowIdBegin + BigInt(begin), end - begin));
  const stored = fieldId === TIMESTAMP_FIELD ? undefined : data.column(fieldId);
  if (stored) return sliceColumn(stored, begin, end, data.rowCount);
  const rows = Uint32Array.from({ length: end - begin }, (_, i) => begin + i);
  return data.fetch(rows, [fieldId]).columns[0] as Column;
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

async function openFile(platform: FilePlatform, file: FileRecord): Promise<ParquetFileReader> {
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

/**
 * All rows of a segment, with the deletes of its own delta logs. The caller releases it.
 * @param disk fields whose vectors stay in the files of their indexes: they are not read here
 * @throws data_corrupt, object_not_found, memory_limit
 */
export async function readSegment(
  platform: Platform,
  record: SegmentRecord,
  schema: CollectionSchema,
  signal?: AbortSignal,
  disk?: ReadonlyMap<bigint, FileVectors>,
): Promise<SegmentData> {
  const data = new SegmentData(platform, {
    ...(disk && { disk }),
    id: record.id,
    collectionId: record.collectionId,
    partitionId: record.partitionId,
    schema,
    commitTimestamp: record.commitTimestamp,
    rowsHint: Number(record.rowCount),
  });
  try {
    const groups: RowGroupStatistics[] = [];
    for (const log of logsOf(record.files)) groups.push(...(await loadLog(platform, data, log, signal)));
    if (BigInt(data.rowCount) !== record.rowCount) {
      throw new ElanusError(
        'data_corrupt',
        `segment ${record.id} has ${data.rowCount} rows in its files, expected ${record.rowCount}: check its record`,
      );
    }
    for (const file of record.files) {
      if (!isInsertLog(file)) applyDeleteSet(data, await readDeletes(platform, file, schema));
    }
    data.seal(new SegmentStatistics(groups));
    return data;
  } catch (error) {
    data.release();
    throw error;
  }
}

/** What the footer of the scalar columns says of its row groups; a field that it does not have is not known. */
function rowGroupsOf(reader: ParquetFileReader, fields: readonly FieldRequest[]): RowGroupStatistics[] {
  const groups = reader.groupRows.map((rows) => ({ rows, columns: new Map<bigint, ChunkStatistics>() }));
  for (const field of fields) {
    for (const [at, chunk] of reader.statistics(field).entries())
      if (chunk !== undefined) groups[at]?.columns.set(field.fieldId, chunk);
  }
  return groups;
}

/** @returns what is known of the rows. Rows go in window by window; windows end where pages of the widest field end, so that its bytes are copied once, to where searches read them. */
async function loadLog(
  platform: Platform,
  data: SegmentData,
  log: readonly FileRecord[],
  signal?: AbortSignal,
): Promise<readonly RowGroupStatistics[]> {
  let groups: readonly RowGroupStatistics[] = [];
  const whole: Column[] = [];
  const paged: { field: FieldRequest; column: FixedColumn }[] = [];
  const rowCount = Number(log[0]?.rowCount ?? 0n);
  for (const file of log) {
    throwIfAborted(signal);
    if (file.fieldIds.every((fieldId) => data.diskVectors(fieldId) !== undefined)) continue;
    const reader = await openFile(platform, file);
    if (file.fieldIds.includes(TIMESTAMP_FIELD))
      groups = rowGroupsOf(
        reader,
        data.schema.fields.filter(({ fieldID }) => file.fieldIds.includes(fieldID)).map(requestOf),
      );
    for (const field of [...systemFields, ...data.schema.fields.map(requestOf)]) {
      if (!file.fieldIds.includes(field.fieldId) || data.diskVectors(field.fieldId) !== undefined) continue;
      const fixed = isVectorType(field.dataType) ? reader.openFixed(field) : undefined;
      if (fixed) paged.push({ field, column: fixed });
      else whole.push(checkedColumn(reader.readColumn(field), field, rowCount, file.key));
      await platform.timers.yield();
    }
  }
  const widthOf = (field: FieldRequest): number => fixedWidth(field.dataType, field.dim) ?? 0;
  const [widest] = [...paged].sort((a, b) => widthOf(b.field) - widthOf(a.field));
  const ends =
    widest?.column.pageEnds ??
    Array.from({ length: Math.ceil(rowCount / GROUP_ROWS) }, (_, i) =>
      Math.min(rowCount, (i + 1) * GROUP_ROWS),
    );
  let begin = 0;
  let since = 0;
  for (const end of ends) {
    const columns = whole.map((from) => sliceColumn(from, begin, end, rowCount));
    for (const { field, column: fixed } of paged)
      columns.push(column(field.fieldId, field.dataType, fixed.rows(begin, end)));
    data.appendBatch(batchOf(end - begin, columns));
    since += end - begin;
    begin = end;
    if (since >= GROUP_ROWS / 4) {
      since = 0;
      throwIfAborted(signal);
      await platform.timers.yield();
    }
  }
  return groups;
}

function checkedColumn(from: Column, field: FieldRequest, rowCount: number, key: string): Column {
  if (rowCountOf(from, field.dim) === rowCount) return from;
  throw new ElanusError(
    'data_corrupt',
    `${key}: column ${field.name} has not ${rowCount} rows: restore the object from a copy`,
  );
}
