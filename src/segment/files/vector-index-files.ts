// Files of dense vector indexes: built from a segment's vectors, and brought into a loaded segment. A file that is damaged or gone costs
// speed, never an answer: the vectors themselves are in the segment and are scanned.
import { messageOf } from '#base/errors.js';
import { elementTypeOf } from '#index/block/element-type.js';
import { readIndexBlock } from '#index/block/index-block.js';
import { CODED_FILE_TYPE } from '#index/coded-index.js';
import { diskCorrupt } from '#index/disk/disk-layout.js';
import { describeBuild } from '#index/graph/codes/built-as.js';
import { buildVectorIndex, chooseIndex, hasBlock, isByCodes } from '#index/vector-indexes.js';
import { vectorWidth } from '#model/columns/dense-vector.js';
import { storedBuildParams } from '#model/params/index-params.js';
import { dimOf, fieldById } from '#model/schema/field.js';
import { isMetricName } from '#model/schema/metric-type.js';
import { isVectorList } from '#model/schema/struct-arrays.js';
import type { Platform } from '#platform/platform.js';
import type { Column, IndexFileRecord, IndexRecord, SegmentRecord } from '#proto/elanus/data.js';
import type { BuildIndexRequest } from '#proto/elanus/roles.js';
import type { FieldSchema } from '#proto/milvus/schema.js';
import { isLostFile } from '#segment/fields/file-vectors.js';
import { GrowingIndex } from '#segment/fields/growing-index.js';
import { SegmentIndex } from '#segment/fields/segment-index.js';
import { VectorColumn } from '#segment/fields/vector-column.js';
import { learnLevels } from '#segment/recall/learn-levels.js';
import type { SegmentData } from '#segment/segment-data.js';
import { diskFileOf, isCodedFile } from './disk-file-record.js';
import { type DiskReads, openDiskIndex, writeDiskIndex } from './disk-index-files.js';
import { blockFileOf, type IndexesAhead, openIndexFile } from './indexes-ahead.js';
import { codedEstimate } from './memory-estimate.js';

/**
 * Builds the index over a column of all rows and writes its file.
 * @param inMemory the vectors have to stay in memory, too: types that keep them in their files are not built
 * @returns undefined when such an index needs no file: exact search reads the vectors themselves
 */
export async function writeVectorIndex(
  platform: Platform,
  { buildId, partitionId, segmentId, field, index, rowCount }: BuildIndexRequest,
  rows: Column,
  signal?: AbortSignal,
  inMemory = false,
): Promise<{ readonly key: string; readonly bytes: number; readonly builtAs: string } | undefined> {
  const elementType = field && elementTypeOf(field.dataType);
  const metric = index?.metricType;
  if (
    field === undefined ||
    index === undefined ||
    elementType === undefined ||
    metric === undefined ||
    !isMetricName(metric)
  )
    return undefined;
  const count = Number(rowCount);
  const stored = storedBuildParams(field, index.indexType, index.params);
  const build = stored.kind === 'AUTOINDEX' ? chooseIndex({ metric, elementType, rowCount: count }) : stored;
  if (!hasBlock(build.kind) && build.kind !== 'DISKANN') return undefined;
  if (inMemory && (build.kind === 'DISKANN' || isByCodes(build))) return undefined;
  const key = `index_files/${buildId}/1/${partitionId}/${segmentId}/${isByCodes(build) ? CODED_FILE_TYPE : build.kind}`;
  if (build.kind === 'MINHASH_LSH') {
    const input = {
      data: rows.data,
      dim: dimOf(field),
      elementBits: build.mhElementBitWidth,
      bands: build.mhLshBand,
    };
    const block = await platform.workers.run<Uint8Array>('minhashBuild', input, [], signal);
    await platform.objectStore.put(key, [block]);
    return { key, bytes: block.length, builtAs: describeBuild(build) };
  }
  const vectors = new VectorColumn(platform.workers, field.fieldID, field.dataType, dimOf(field), count);
  try {
    vectors.append(rows, count);
    if (build.kind === 'DISKANN' || (build.kind === 'HNSW_SQ' && isByCodes(build))) {
      if (!isDenseMetric(metric)) return undefined;
      const { bytes, meta } = await writeDiskIndex(platform, vectors, { build, metric, key }, signal);
      return { key, bytes, builtAs: describeBuild(build, meta) };
    }
    const without = vectors.nullBits;
    const learnsLevels = stored.kind === 'AUTOINDEX' && build.kind === 'HNSW';
    const spec = { build, metric, elementType, dim: dimOf(field), rowCount: count, learnsLevels };
    const block = await buildVectorIndex(
      platform.workers,
      { ...spec, ...(without && { without }) },
      { region: vectors.region, place: vectors.store.place },
      { crc32: platform.crc32, ...(signal && { signal }) },
    );
    if (learnsLevels) await learnLevels(platform, vectors, block, signal);
    await platform.objectStore.put(key, [block]);
    return { key, bytes: block.length, builtAs: describeBuild(build, readIndexBlock(block).meta) };
  } finally {
    vectors.release();
  }
}

/**
 * Brings the dense vector indexes of a loaded segment in line with its record: those with a file are loaded, others dropped.
 * @param ahead indexes that were opened while the rows were read
 * @returns ids of indexes whose files are damaged or gone
 */
export async function attachVectorIndexes(
  platform: Platform,
  record: SegmentRecord,
  data: SegmentData,
  reads?: DiskReads,
  ahead?: IndexesAhead,
): Promise<bigint[]> {
  const damaged: bigint[] = [];
  const note = (file: IndexFileRecord, error: unknown): void => {
    platform.logger.warn('index_not_loaded', {
      segmentId: record.id,
      fieldId: file.fieldId,
      key: file.key,
      reason: messageOf(error),
    });
    if (isLostFile(error)) damaged.push(file.indexId);
  };
  for (const field of data.schema.fields) {
    if (reads !== undefined && !isVectorList(field))
      await attachDiskIndex(platform, reads, record, data, field, note);
    const vectors = data.denseVectors(field.fieldID) ?? data.vectorLists(field.fieldID)?.elements;
    if (vectors === undefined) continue;
    const file = blockFileOf(record, field.fieldID);
    if (vectors.index?.key === file?.key) continue;
    vectors.attachIndex(undefined);
    if (file === undefined) continue;
    try {
      if (file.metricType === 'COSINE' && vectors.store.normsOwed > 0) await vectors.settleNorms();
      const loaded = await (ahead?.take(file.key) ?? openIndexFile(platform, file.key));
      vectors.attachIndex(new SegmentIndex(platform.workers, loaded, file.key));
    } catch (error) {
      note(file, error);
    }
  }
  return damaged;
}

/** Moves a field's vectors to the file of its disk index, or back into memory when it has none any more. */
async function attachDiskIndex(
  platform: Platform,
  reads: DiskReads,
  record: SegmentRecord,
  data: SegmentData,
  field: FieldSchema,
  note: (file: IndexFileRecord, error: unknown) => void,
): Promise<void> {
  const disk = data.diskVectors(field.fieldID);
  const file = diskFileOf(record, field.fieldID);
  if (disk?.key === file?.key) return;
  if (file !== undefined && !data.hasLost(file.key)) {
    try {
      // Until its place is taken the vectors are in memory, too.
      const bytes = isCodedFile(file.key)
        ? codedEstimate(file, vectorWidth(field), data.rowCount, platform.workers.parallelism)
        : 0;
      const room =
        bytes > 0
          ? reads.reserve(
              record.collectionId,
              bytes,
              `the index of field ${field.name} of segment ${record.id}`,
            )
          : undefined;
      try {
        data.placeVectors(field.fieldID, await openDiskIndex(platform, reads, record, field, file.key));
      } finally {
        room?.release();
      }
      return;
    } catch (error) {
      note(file, error);
    }
  } else if (file !== undefined) note(file, diskCorrupt(file.key, 'it could not be read'));
  if (disk === undefined) return;
  const vectors = await disk.restore();
  if (data.diskVectors(field.fieldID) === disk) data.placeVectors(field.fieldID, vectors);
}

/** Lets a growing segment keep a graph over each dense field that has an index other than an exact one. */
export function indexGrowing(platform: Platform, data: SegmentData, indexes: readonly IndexRecord[]): void {
  for (const { fieldId, indexType, metricType, params } of indexes) {
    const field = fieldById(data.schema, fieldId);
    const vectors = data.denseVectors(fieldId);
    const elementType = field && elementTypeOf(field.dataType);
    if (field === undefined || vectors === undefined || elementType === undefined || elementType === 'binary')
      continue;
    if (indexType === 'FLAT' && vectors.growing !== undefined) {
      // It was of the index before: what is exact by its definition does not ask a graph.
      vectors.growing.release();
      vectors.growing = undefined;
    }
    if (vectors.growing?.metric === metricType || !isDenseMetric(metricType)) continue;
    const { kind } = storedBuildParams(field, indexType, params);
    if (kind === 'FLAT') continue;
    vectors.growing?.release();
    const spec = {
      metric: metricType,
      elementType,
      dim: dimOf(field),
      degree: GROWING_DEGREE,
      efConstruction: GROWING_EF,
    };
    vectors.growing = new GrowingIndex(platform, vectors, spec);
  }
}

/** It lives until the segment is flushed: cheap to build goes before small. */
const GROWING_DEGREE = 16;
const GROWING_EF = 100;
const isDenseMetric = (name: string): name is 'L2' | 'IP' | 'COSINE' =>
  name === 'L2' || name === 'IP' || name === 'COSINE';
