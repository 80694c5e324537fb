// Segments as columns, without rows in memory as searches have them: what a compaction reads and writes. Bytes of vectors are copied as they
// are, and a file is written while it is made.
import { must } from '#base/assert.js';
import { batchOf, concatBatches, findColumn } from '#model/columns/column.js';
import { isVectorType } from '#model/schema/data-type.js';
import { primaryField } from '#model/schema/field.js';
import { type Column, type ColumnBatch, FileRecord } from '#proto/elanus/data.js';
import type { CollectionSchema, FieldSchema } from '#proto/milvus/schema.js';
import type { ParquetField } from '#segment/files/parquet/parquet-type.js';
import { ParquetFile } from '#segment/files/parquet/parquet-writer.js';
import {
  GROUP_BYTES,
  GROUP_ROWS,
  insertLogKey,
  LEVEL_BYTES,
  logsOf,
  missingColumn,
  readInsertFile,
  requestOf,
  SCALAR_GROUP,
  segmentNote,
  systemFields,
  throwIfAborted,
} from './insert-log.js';
import { type FilePlatform, putParts, type SegmentAddress } from './object-file.js';

/** The fields of one file: the system's and all scalars, or one field of vectors. */
export interface FieldGroup {
  readonly name: string;
  readonly fieldIds: readonly bigint[];
}

/** The files of a log of the schema. The first has the scalars. */
export function fieldGroups({ fields }: Pick<CollectionSchema, 'fields'>): readonly FieldGroup[] {
  const scalars = fields.filter(({ dataType }) => !isVectorType(dataType));
  return [
    {
      name: SCALAR_GROUP,
      fieldIds: [...systemFields.map(({ fieldId }) => fieldId), ...scalars.map(({ fieldID }) => fieldID)],
    },
    ...fields
      .filter(({ dataType }) => isVectorType(dataType))
      .map(({ fieldID }) => ({ name: String(fieldID), fieldIds: [fieldID] })),
  ];
}

/**
 * These fields of all rows of a segment, in row order. Of rows that are older than a field its default, or null.
 * @throws data_corrupt, object_not_found
 */
export async function readFields(
  platform: FilePlatform,
  files: readonly FileRecord[],
  schema: CollectionSchema,
  fieldIds: readonly bigint[],
): Promise<ColumnBatch> {
  const batches: ColumnBatch[] = [];
  for (const log of logsOf(files)) {
    const rowCount = Number(log[0]?.rowCount ?? 0n);
    const found: Column[] = [];
    for (const file of log) {
      const wanted = fieldIds.filter((id) => file.fieldIds.includes(id));
      if (wanted.length > 0) found.push(...(await readInsertFile(platform, file, schema, wanted)).columns);
    }
    const batch = batchOf(rowCount, found);
    const columns = fieldIds.map(
      (id) => findColumn(batch, id) ?? missingColumn(fieldOf(schema, id), rowCount),
    );
    batches.push(batchOf(rowCount, columns));
  }
  return concatBatches(batches);
}

const fieldOf = ({ fields }: CollectionSchema, id: bigint): FieldSchema =>
  must(
    fields.find(({ fieldID }) => fieldID === id),
    `field ${id} of the schema`,
  );

/** The rows of a file, part by part. */
export interface RowSource {
  readonly rowCount: number;
  /** Bytes of a row, about. */
  readonly rowBytes: number;
  hasNulls(fieldId: bigint): boolean;
  /** Rows [begin, end), the columns in the order of the group. */
  rows(begin: number, end: number): ColumnBatch;
}

export interface ColumnsWrite {
  readonly address: SegmentAddress;
  readonly schema: CollectionSchema;
  readonly group: FieldGroup;
  readonly logId: bigint;
  readonly rows: RowSource;
  readonly signal: AbortSignal;
}

/** One file of a log, durable when this returns; it is written while it is made. @throws cancelled */
export async function writeFields(platform: FilePlatform, write: ColumnsWrite): Promise<FileRecord> {
  const { address, group, logId, rows } = write;
  const put = await putParts(platform, insertLogKey(address, group.name, logId), encodedParts(write));
  return FileRecord.create({ ...put, fieldIds: [...group.fieldIds], rowCount: BigInt(rows.rowCount) });
}

function* encodedParts({ address, schema, group, rows, signal }: ColumnsWrite): Generator<Uint8Array> {
  const { rowCount } = rows;
  const rowBytes = rows.rowBytes + LEVEL_BYTES;
  const step = Math.max(1, Math.min(GROUP_ROWS, Math.floor(GROUP_BYTES / rowBytes)));
  const fields = parquetFields(schema, group, rows);
  const file = new ParquetFile(fields, segmentNote(address), Math.min(rowCount, step) * rowBytes);
  for (let begin = 0; begin < rowCount; begin += step) {
    throwIfAborted(signal);
    const end = Math.min(rowCount, begin + step);
    file.addRows(rows.rows(begin, end).columns, end - begin);
    yield file.take();
  }
  throwIfAborted(signal);
  yield file.finish();
}

function parquetFields(schema: CollectionSchema, { fieldIds }: FieldGroup, rows: RowSource): ParquetField[] {
  const keyId = primaryField(schema).fieldID;
  const requests = [...systemFields, ...schema.fields.map(requestOf)];
  return fieldIds.map((fieldId) => {
    const request = must(
      requests.find((one) => one.fieldId === fieldId),
      `field ${fieldId}`,
    );
    const isNullable = schema.fields.some(({ fieldID, nullable }) => fieldID === fieldId && nullable);
    return {
      ...request,
      isOptional: isNullable || rows.hasNulls(fieldId),
      isCompressed: !isVectorType(request.dataType),
      statistics: fieldId === keyId ? 'bloom' : 'ends',
    };
  });
}
