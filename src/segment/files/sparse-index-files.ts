// Files of sparse inverted indexes: built from a segment's rows, and brought into a loaded segment. A file that is damaged or gone costs
// speed, never an answer: the rows themselves are in the segment and are scanned.
import { ElanusError, messageOf } from '#base/errors.js';
import { decodeIndexBlock } from '#index/block/index-block.js';
import { SCRATCH_THREADS_MAX } from '#index/block/region-layout.js';
import { loadSparseIndex, SPARSE_INDEX_TYPE } from '#index/sparse/sparse-index.js';
import { storedBuildParams } from '#model/params/index-params.js';
import { DataType } from '#model/schema/data-type.js';
import type { Platform } from '#platform/platform.js';
import type { Column, SegmentRecord } from '#proto/elanus/data.js';
import type { BuildIndexRequest } from '#proto/elanus/roles.js';
import type { FieldSchema } from '#proto/milvus/schema.js';
import type { SegmentData } from '#segment/segment-data.js';

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

/**
 * Brings the sparse indexes of a loaded segment in line with its record: those with a file are loaded, others dropped.
 * @returns ids of indexes whose files are damaged or gone
 */
export async function attachSparseIndexes(
  platform: Platform,
  record: SegmentRecord,
  data: SegmentData,
): Promise<bigint[]> {
  const damaged: bigint[] = [];
  for (const field of data.schema.fields) {
    const vectors = data.sparseVectors(field.fieldID);
    if (vectors === undefined) continue;
    const file = record.indexes.find((one) => one.fieldId === field.fieldID && one.state === 'finished');
    if (vectors.indexKey === (file?.key ?? '')) continue;
    vectors.attach(undefined);
    if (file === undefined) continue;
    try {
      const block = decodeIndexBlock(await platform.objectStore.get(file.key), file.key);
      if (vectors.isReleased) return damaged;
      if (block.meta.rowCount !== vectors.rowCount) {
        const fact = `${file.key} covers ${block.meta.rowCount} rows, expected the ${vectors.rowCount} of its segment`;
        throw new ElanusError('data_corrupt', `${fact}; the index has to be built again`);
      }
      vectors.attach(loadSparseIndex(platform.workers, block, SCRATCH_THREADS_MAX), file.key);
    } catch (error) {
      platform.logger.warn('index_not_loaded', {
        segmentId: record.id,
        fieldId: file.fieldId,
        key: file.key,
        reason: messageOf(error),
      });
      const key = error instanceof ElanusError ? error.key : undefined;
      if (key === 'data_corrupt' || key === 'object_not_found') damaged.push(file.indexId);
    }
  }
  return damaged;
}
