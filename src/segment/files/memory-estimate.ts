// What a flushed segment will take in memory, from the catalog alone: nothing is read for it. Errs on the high side.

import { codedLayout } from '#index/coded-index.js';
import { codeBytesADim } from '#index/graph/codes/built-as.js';
import { workLayout } from '#index/graph/nodes/graph-layout.js';
import { vectorWidth } from '#model/columns/dense-vector.js';
import { fixedWidth, isDenseVector } from '#model/schema/data-type.js';
import { dimOf } from '#model/schema/field.js';
import type { IndexFileRecord, SegmentRecord } from '#proto/elanus/data.js';
import type { CollectionSchema } from '#proto/milvus/schema.js';
import { diskFileOf, isCodedFile, isDiskFile } from './disk-file-record.js';
import { isScalarIndexFile } from './scalar-file-key.js';

/** Timestamps of write and delete, their bits, the row id, a key index of at most 20 bytes a row, and the bloom filter of the keys. */
const SYSTEM_ROW_BYTES = 8 + 8 + 8 + 1 + 20 + 3;
/** An inverse norm, and rounding up to blocks. */
const VECTOR_ROW_BYTES = 8;
const OFFSET_BYTES = 4;
/** Values of variable width lie compressed in the file that holds all scalars. */
const COMPRESSION_MAX = 4;
/** Regions come in pages of 64 KiB, and sparse ones begin larger. */
const SEGMENT_BYTES = 1 << 18;

/** @param threads that search: of a field whose vectors stay in a file the index is loaded along with the rows */
export function rowsEstimate(schema: CollectionSchema, record: SegmentRecord, threads = 1): number {
  const rows = Number(record.rowCount);
  let rowBytes = SYSTEM_ROW_BYTES;
  let bytes = SEGMENT_BYTES;
  let isCompressed = false;
  for (const field of schema.fields) {
    const width = fixedWidth(field.dataType, 0);
    const file = diskFileOf(record, field.fieldID);
    if (file !== undefined && isCodedFile(file.key))
      bytes += codedEstimate(file, vectorWidth(field), rows, threads);
    // A disk index keeps codes in memory, a byte a dim at most unless these did not rank the vectors, two maps of rows, and which
    // are copies of others.
    else if (file !== undefined)
      rowBytes += dimOf(field) * codeBytesADim(file.builtAs) + 64 + OFFSET_BYTES * 3;
    else if (isDenseVector(field.dataType)) rowBytes += vectorWidth(field) + VECTOR_ROW_BYTES;
    else if (width !== undefined) rowBytes += width + 1;
    else {
      rowBytes += OFFSET_BYTES + 1;
      const own = record.files.filter(
        (file) => file.fieldIds.length === 1 && file.fieldIds[0] === field.fieldID,
      );
      if (own.length > 0) bytes += own.reduce((sum, file) => sum + Number(file.bytes), 0);
      else isCompressed = true;
    }
  }
  if (isCompressed) {
    for (const file of record.files)
      if (file.fieldIds.length > 1) bytes += Number(file.bytes) * COMPRESSION_MAX;
  }
  return bytes + rows * rowBytes;
}

/** All of the file but the pages of vectors, the working memory of each thread and of the one that calls, and where pages are cached. */
export function codedEstimate(
  { bytes }: Pick<IndexFileRecord, 'bytes'>,
  width: number,
  rows: number,
  threads: number,
): number {
  const { pages, pageBytes } = codedLayout(rows, width);
  const work = workLayout(rows, 0, DEGREE_USUAL_MAX).bytes + width * 16;
  return Math.max(0, Number(bytes) - pages * pageBytes) + pages * 4 + (threads + 1) * work;
}

const DEGREE_USUAL_MAX = 64;
/** Working memory of one thread beside what a walk notes of each row. */
const THREAD_BYTES = 2 << 20;
export function indexesEstimate(record: SegmentRecord, threads: number): number {
  return record.indexes
    .filter(
      ({ state, key }) =>
        state === 'finished' && !key.endsWith('/FLAT') && !key.endsWith('/BIN_FLAT') && !isDiskFile(key),
    )
    .reduce(
      (sum, { key, bytes, rowCount }) =>
        sum +
        Number(bytes) +
        // No thread walks through a scalar index.
        (isScalarIndexFile(key) ? 0 : threads * (THREAD_BYTES + Number(rowCount) * 1.2)),
      0,
    );
}
