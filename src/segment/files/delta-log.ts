// Deletes in the object store: docs/formats/delta-log.md. One Parquet file of primary keys and the timestamps of their deletes.
// A delta log belongs to one segment, or, level zero, to all segments of a shard.

import { assert } from '#base/assert.js';
import { bytesView } from '#base/bytes.js';
import { ElanusError } from '#base/errors.js';
import { column, columnFromInt64, int64Values, rowCountOf, sliceColumn } from '#model/columns/column.js';
import { DataType } from '#model/schema/data-type.js';
import { primaryField } from '#model/schema/field.js';
import { type Column, FileRecord } from '#proto/elanus/data.js';
import type { CollectionSchema } from '#proto/milvus/schema.js';
import { ParquetFileReader } from '#segment/files/parquet/parquet-reader.js';
import { ParquetFile } from '#segment/files/parquet/parquet-writer.js';
import type { SegmentData } from '#segment/segment-data.js';
import { type FilePlatform, getFile, LOG_SUFFIX, putFile, type SegmentAddress } from './object-file.js';

/** Key i was deleted at timestamp i. */
export interface DeleteSet {
  readonly keys: Column;
  readonly timestamps: BigUint64Array;
}

export interface DeletesWrite {
  readonly address: SegmentAddress;
  readonly schema: CollectionSchema;
  readonly logId: bigint;
  readonly deletes: DeleteSet;
}

const GROUP_ROWS = 65_536;
/** Column ids inside the file; its names are `pk` and `ts`. */
const KEY_COLUMN = 0n;
const TIMESTAMP_COLUMN = 1n;
const noElements = { elementType: DataType.None, dim: 0 };
const timestampField = {
  ...{ fieldId: TIMESTAMP_COLUMN, name: 'ts', dataType: DataType.Int64 },
  ...noElements,
};
const keyField = (schema: CollectionSchema) => ({
  fieldId: KEY_COLUMN,
  name: 'pk',
  dataType: primaryField(schema).dataType,
  ...noElements,
});

export async function writeDeletes(platform: FilePlatform, write: DeletesWrite): Promise<FileRecord> {
  const { keys, timestamps } = write.deletes;
  const { collectionId, partitionId, segmentId } = write.address;
  const rows = rowCountOf(keys, 0);
  assert(rows === timestamps.length, `${rows} keys with ${timestamps.length} timestamps`);
  const fields = [keyField(write.schema), timestampField].map((field) => ({
    ...field,
    isOptional: false,
    isCompressed: true,
  }));
  const file = new ParquetFile(fields, {}, keys.data.length + rows * 12);
  for (let begin = 0; begin < rows; begin += GROUP_ROWS) {
    const end = Math.min(rows, begin + GROUP_ROWS);
    file.addRows(
      [
        sliceColumn(keys, begin, end, rows),
        columnFromInt64(TIMESTAMP_COLUMN, timestamps.subarray(begin, end)),
      ],
      end - begin,
    );
    await platform.timers.yield();
  }
  const key = `delta_log/${collectionId}/${partitionId}/${segmentId}/${write.logId}${LOG_SUFFIX}`;
  return FileRecord.create({
    ...(await putFile(platform, key, file.finish())),
    fieldIds: [],
    rowCount: BigInt(rows),
  });
}

/** @throws data_corrupt, object_not_found */
export async function readDeletes(
  platform: FilePlatform,
  file: FileRecord,
  schema: CollectionSchema,
): Promise<DeleteSet> {
  const reader = new ParquetFileReader(await getFile(platform, file), file.key);
  if (BigInt(reader.rowCount) !== file.rowCount) {
    throw new ElanusError(
      'data_corrupt',
      `object ${file.key} has ${reader.rowCount} deletes, expected ${file.rowCount}: restore it from a copy`,
    );
  }
  const keys = reader.readColumn(keyField(schema));
  const timestamps = bytesView(int64Values(reader.readColumn(timestampField)).slice());
  return {
    keys: column(primaryField(schema).fieldID, keys.dataType, keys.data, keys.offsets),
    timestamps: new BigUint64Array(timestamps.buffer, timestamps.byteOffset, timestamps.byteLength / 8),
  };
}

/** @returns how many rows it deleted. */
export function applyDeleteSet(data: SegmentData, deletes: DeleteSet): number {
  let deleted = 0;
  deletes.timestamps.forEach((timestamp, i) => {
    deleted += data.applyDeleteOf(deletes.keys, i, timestamp);
  });
  return deleted;
}
