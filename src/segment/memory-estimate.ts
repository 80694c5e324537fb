// What a flushed segment will take in memory, from the catalog alone: nothing is read for it. Errs on the high side.
import { fixedWidth } from '#model/data-type.js';
import { isDenseVector, vectorWidth } from '#model/dense-vector.js';
import { dimOf } from '#model/field.js';
import type { SegmentRecord } from '#proto/elanus/data.js';
import type { CollectionSchema } from '#proto/milvus/schema.js';
import { diskFileOf, isDiskFile } from './disk-file-record.js';

/** Timestamps of write and delete, their bits, the row id, and a key index of at most 20 bytes a row. */
const SYSTEM_ROW_BYTES = 8 + 8 + 8 + 1 + 20;
/** An inverse norm, and rounding up to blocks. */
const VECTOR_ROW_BYTES = 8;
const OFFSET_BYTES = 4;
/** Values of variable width lie compressed in the file that holds all scalars. */
const COMPRESSION_MAX = 4;
/** Regions come in pages of 64 KiB, and sparse ones begin larger. */
const SEGMENT_BYTES = 1 << 18;

export function rowsEstimate(schema: CollectionSchema, record: SegmentRecord): number {
  const rows = Number(record.rowCount);
  let rowBytes = SYSTEM_ROW_BYTES;
  let bytes = SEGMENT_BYTES;
  let isCompressed = false;
  for (const field of schema.fields) {
    const width = fixedWidth(field.dataType, 0);
    // Of vectors in a file the codes are in memory, a byte a dim at most, and two maps of rows.
    if (diskFileOf(record, field.fieldID) !== undefined) rowBytes += dimOf(field) + 64 + OFFSET_BYTES * 2;
    else if (isDenseVector(field.dataType)) rowBytes += vectorWidth(field) + VECTOR_ROW_BYTES;
    else if (width !== undefined) rowBytes += width + 1;
    else {
      rowBytes += OFFSET_BYTES + 1;
      const own = record.files.filter((file) => file.fieldIds.length === 1 && file.fieldIds[0] === field.fieldID);
      if (own.length > 0) bytes += own.reduce((sum, file) => sum + Number(file.bytes), 0);
      else isCompressed = true;
    }
  }
  if (isCompressed) {
    for (const file of record.files) if (file.fieldIds.length > 1) bytes += Number(file.bytes) * COMPRESSION_MAX;
  }
  return bytes + rows * rowBytes;
}
/** Working memory of one thread beside what a walk notes of each row. */
const THREAD_BYTES = 2 << 20;
export function indexesEstimate(record: SegmentRecord, threads: number): number {
  return record.indexes
    .filter(({ state, key }) => state === 'finished' && !key.endsWith('/FLAT') && !key.endsWith('/BIN_FLAT') && !isDiskFile(key))
    .reduce((sum, { bytes, rowCount }) => sum + Number(bytes) + threads * (THREAD_BYTES + Number(rowCount) * 1.2), 0);
}
