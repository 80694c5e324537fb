// Files of sparse inverted indexes: built from a segment's rows, and brought into a loaded segment. A file that is damaged or gone costs
// speed, never an answer: the rows themselves are in the segment and are scanned.
import { messageOf } from '#base/errors.js';
import { decodeIndexBlock } from '#index/index-block.js';
import { SCRATCH_THREADS_MAX } from '#index/region-layout.js';
import { loadSparseIndex, SPARSE_INDEX_TYPE } from '#index/sparse-index.js';
import { DataType } from '#model/data-type.js';
import { fieldById } from '#model/field.js';
import { storedBuildParams } from '#model/index-params.js';
import type { Platform } from '#platform/platform.js';
import type { Column, SegmentRecord } from '#proto/elanus/data.js';
import type { BuildIndexRequest } from '#proto/elanus/roles.js';
import type { FieldSchema } from '#proto/milvus/schema.js';
import type { SegmentData } from './segment-data.js';

export const isSparseField = (field: FieldSchema): boolean => field.dataType === DataType.SparseFloatVector;

/** Builds the index over a column of all rows and writes its file. */
export async function writeSparseIndex(
  platform: Platform,
  { buildId, partitionId, segmentId, field, index }: BuildIndexRequest,
  rows: Column,
): Promise<{ readonly key: string; readonly bytes: number }> {
  const build = field && index ? storedBuildParams(field, index.indexType, index.params) : undefined;
  const algorithm = build?.kind === 'SPARSE_INVERTED_INDEX' ? build.invertedIndexAlgo : 'DAAT_MAXSCORE';
  const input = { data: rows.data, offsets: rows.offsets, metric: index?.metricType ?? 'IP', algorithm };
  const block = await platform.workers.run<Uint8Array>('sparseBuild', input, []);
  const key = `index_files/${buildId}/1/${partitionId}/${segmentId}/${SPARSE_INDEX_TYPE}`;
  await platform.objectStore.put(key, [block]);
  return { key, bytes: block.length };
}

/** Loads the index of each sparse field that has a file in the record and none in memory. */
export async function attachSparseIndexes(platform: Platform, record: SegmentRecord, data: SegmentData): Promise<void> {
  for (const file of record.indexes) {
    const field = fieldById(data.schema, file.fieldId);
    if (file.state !== 'finished' || field === undefined || !isSparseField(field)) continue;
    if (data.sparseVectors(file.fieldId)?.index !== undefined) continue;
    try {
      const block = decodeIndexBlock(await platform.objectStore.get(file.key), file.key);
      const vectors = data.sparseVectors(file.fieldId);
      if (vectors === undefined || vectors.index !== undefined || block.meta.rowCount > vectors.rowCount) continue;
      vectors.attach(loadSparseIndex(platform.workers, block, SCRATCH_THREADS_MAX));
    } catch (error) {
      platform.logger.warn('index_not_loaded', { segmentId: record.id, fieldId: file.fieldId, key: file.key, reason: messageOf(error) });
    }
  }
}
