// A segment from its files: rows of its insert logs, then the deletes of its delta logs. Vectors go straight to where searches read them, while
// scalars are decoded; nobody sees the segment before all of it was checked.
import { ElanusError } from '#base/errors.js';
import type { ChunkStatistics, RowGroupStatistics } from '#index/scalar/statistics/chunk-statistics.js';
import { batchOf, rowCountOf, sliceColumn } from '#model/columns/column.js';
import { fixedWidth, isVectorType } from '#model/schema/data-type.js';
import { TIMESTAMP_FIELD } from '#model/schema/field.js';
import type { Platform } from '#platform/platform.js';
import type { Column, FileRecord, IndexFileRecord, SegmentRecord } from '#proto/elanus/data.js';
import type { CollectionSchema } from '#proto/milvus/schema.js';
import type { FileVectors } from '#segment/fields/file-vectors.js';
import type { FixedColumn } from '#segment/files/parquet/fixed-column.js';
import type { FieldRequest, ParquetFileReader } from '#segment/files/parquet/parquet-reader.js';
import { SegmentStatistics } from '#segment/filters/segment-statistics.js';
import { SegmentData } from '#segment/segment-data.js';
import { applyDeleteSet, readDeletes } from './delta-log.js';
import { readVectorsDirectly } from './direct-vectors.js';
import {
  GROUP_ROWS,
  isInsertLog,
  logsOf,
  openFile,
  requestOf,
  systemFields,
  throwIfAborted,
} from './insert-log.js';

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
    for (const log of logsOf(record.files))
      groups.push(...(await loadLog(platform, data, record, log, signal)));
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

interface PagedColumn {
  readonly field: FieldRequest;
  readonly column: FixedColumn;
}

/** Columns of a log that come in batches: decoded whole, or as they lie in the file. */
interface LogColumns {
  readonly whole: Column[];
  readonly paged: PagedColumn[];
  groups: readonly RowGroupStatistics[];
}

/** @returns what is known of the rows */
async function loadLog(
  platform: Platform,
  data: SegmentData,
  { indexes }: Pick<SegmentRecord, 'indexes'>,
  log: readonly FileRecord[],
  signal?: AbortSignal,
): Promise<readonly RowGroupStatistics[]> {
  throwIfAborted(signal);
  const rowCount = Number(log[0]?.rowCount ?? 0n);
  const found: LogColumns = { whole: [], paged: [], groups: [] };
  const files = log.filter(({ fieldIds }) => fieldIds.some((id) => data.diskVectors(id) === undefined));
  const direct = files.map((file) =>
    readVectorsDirectly(platform, data, file, needsNorms(indexes, file.fieldIds), signal),
  );
  for (const one of direct) one?.catch(() => {}); // Each is waited for below, maybe after it failed.
  try {
    for (const [i, file] of files.entries())
      if (direct[i] === undefined) await readColumns(platform, data, file, found, signal);
    for (const [i, file] of files.entries())
      if ((await direct[i]) === false) await readColumns(platform, data, file, found, signal);
  } finally {
    // The memory that they read to may be given to others when this has failed.
    await Promise.allSettled(direct);
  }
  await appendRows(platform, data, rowCount, found, signal);
  return found.groups;
}

/** Whether a search may need norms soon: only of COSINE, which nobody asks where all indexes are of other metrics. */
const needsNorms = (indexes: readonly IndexFileRecord[], fieldIds: readonly bigint[]): boolean => {
  const ofField = indexes.filter(({ fieldId }) => fieldIds.includes(fieldId));
  return ofField.length === 0 || ofField.some(({ metricType }) => metricType !== 'L2' && metricType !== 'IP');
};

async function readColumns(
  platform: Platform,
  data: SegmentData,
  file: FileRecord,
  found: LogColumns,
  signal?: AbortSignal,
): Promise<void> {
  throwIfAborted(signal);
  const reader = await openFile(platform, file);
  if (file.fieldIds.includes(TIMESTAMP_FIELD))
    found.groups = rowGroupsOf(
      reader,
      data.schema.fields.filter(({ fieldID }) => file.fieldIds.includes(fieldID)).map(requestOf),
    );
  for (const field of [...systemFields, ...data.schema.fields.map(requestOf)]) {
    if (!file.fieldIds.includes(field.fieldId) || data.diskVectors(field.fieldId) !== undefined) continue;
    const fixed = isVectorType(field.dataType) ? reader.openFixed(field) : undefined;
    if (fixed) found.paged.push({ field, column: fixed });
    else found.whole.push(checkedColumn(reader.readColumn(field), field, Number(file.rowCount), file.key));
    await platform.timers.yield();
  }
}

/** Rows go in window by window; windows end where pages of the widest field end, so that its bytes are copied once, to where searches read them. */
async function appendRows(
  platform: Platform,
  data: SegmentData,
  rowCount: number,
  { whole, paged }: LogColumns,
  signal?: AbortSignal,
): Promise<void> {
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
    for (const { column: fixed } of paged) columns.push(fixed.rows(begin, end));
    data.appendBatch(batchOf(end - begin, columns));
    since += end - begin;
    begin = end;
    if (since >= GROUP_ROWS / 4) {
      since = 0;
      throwIfAborted(signal);
      await platform.timers.yield();
    }
  }
}

function checkedColumn(from: Column, field: FieldRequest, rowCount: number, key: string): Column {
  if (rowCountOf(from, field.dim) === rowCount) return from;
  throw new ElanusError(
    'data_corrupt',
    `${key}: column ${field.name} has not ${rowCount} rows: restore the object from a copy`,
  );
}
