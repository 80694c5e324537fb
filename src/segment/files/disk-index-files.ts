// Files of indexes that hold the vectors too: written from a segment's vectors, opened instead of loading them, and what is done when one
// is lost. Disk indexes are searched in the file, coded ones by what is in memory.

import { elementTypeOf } from '#index/block/element-type.js';
import type { IndexPlacement } from '#index/block/vector-index.js';
import { buildCodedIndex, codedParts } from '#index/coded-index.js';
import { buildDiskIndex } from '#index/disk/disk-build.js';
import { loadDiskIndex } from '#index/disk/disk-index.js';
import {
  type DISK_INDEX_TYPE,
  decodeDiskHead,
  diskCorrupt,
  fileBytesOf,
  SECTOR_BYTES,
} from '#index/disk/disk-layout.js';
import type { DiskFile } from '#index/disk/paged-file.js';
import { openVectorIndex } from '#index/vector-indexes.js';
import { vectorWidth } from '#model/columns/dense-vector.js';
import type { BuildParamsOf } from '#model/params/index-types.js';
import { dimOf } from '#model/schema/field.js';
import type { Platform } from '#platform/platform.js';
import type { SharedRegion } from '#platform/workers.js';
import type { SegmentRecord } from '#proto/elanus/data.js';
import type { CollectionSchema, FieldSchema } from '#proto/milvus/schema.js';
import { CodedVectors } from '#segment/fields/coded-vectors.js';
import { DiskVectors } from '#segment/fields/disk-vectors.js';
import { type FileVectors, type FileVectorsParts, isLostFile } from '#segment/fields/file-vectors.js';
import { VectorColumn } from '#segment/fields/vector-column.js';
import { diskFileOf, isCodedFile } from './disk-file-record.js';
import { readColumn } from './insert-log.js';
import { blockIn } from './object-file.js';
import type { PageCache } from './page-cache.js';

/** What opening disk indexes takes beside the platform. */
export interface DiskReads {
  readonly cache: PageCache;
  /** Takes room for vectors that come back into memory. @throws memory_limit */
  reserve(collectionId: bigint, bytes: number, what: string): { release(): void };
}

export interface DiskBuild {
  readonly build: BuildParamsOf<typeof DISK_INDEX_TYPE> | BuildParamsOf<'HNSW_SQ'>;
  readonly metric: 'L2' | 'IP' | 'COSINE';
  readonly key: string;
}

/** @returns bytes of the file, and what its block says of itself */
export async function writeDiskIndex(
  platform: Platform,
  vectors: VectorColumn,
  { build, metric, key }: DiskBuild,
  signal?: AbortSignal,
): Promise<Pick<DiskFile, 'bytes' | 'meta'>> {
  const { dim, rowCount, nullBits, store, region } = vectors;
  const spec = {
    metric,
    elementType: store.elementType,
    dim,
    rowCount,
    ...(nullBits && { without: nullBits }),
  };
  return vectors.hold(async () => {
    const { workers, crc32, objectStore } = platform;
    const source = { region, place: store.place };
    const { parts, bytes, meta } =
      build.kind === 'HNSW_SQ'
        ? await buildCodedIndex(workers, { ...spec, build }, source, crc32, signal && { signal })
        : await buildDiskIndex(workers, { ...spec, ...paramsOf(build) }, source, crc32, signal && { signal });
    await objectStore.put(key, parts);
    return { bytes, meta };
  });
}

const paramsOf = ({ kind: _kind, ...params }: BuildParamsOf<typeof DISK_INDEX_TYPE>) => params;

export interface OpenedIndexes {
  readonly disk: ReadonlyMap<bigint, FileVectors>;
  /** Room for the vectors whose index is lost, which have to be loaded: held until they are. */
  release(): void;
}

/**
 * Opens the indexes of a segment that hold the vectors, which then need not be loaded. One that is damaged or gone is left out: loading
 * the indexes finds it again, and says so.
 * @throws memory_limit when there is no room for the vectors of one that is lost; io_failed
 */
export async function openDiskIndexes(
  platform: Platform,
  reads: DiskReads,
  record: SegmentRecord,
  schema: CollectionSchema,
): Promise<OpenedIndexes> {
  const disk = new Map<bigint, FileVectors>();
  const rooms: { release(): void }[] = [];
  const release = (): void => {
    for (const room of rooms) room.release();
  };
  try {
    for (const field of schema.fields) {
      const file = diskFileOf(record, field.fieldID);
      if (file === undefined) continue;
      try {
        disk.set(field.fieldID, await openDiskIndex(platform, reads, record, field, file.key));
      } catch (error) {
        if (!isLostFile(error)) throw error;
        rooms.push(roomFor(reads, record, field));
      }
    }
    return { disk, release };
  } catch (error) {
    for (const opened of disk.values()) opened.release();
    release();
    throw error;
  }
}

/** @throws memory_limit */
function roomFor(reads: DiskReads, record: SegmentRecord, field: FieldSchema): { release(): void } {
  const bytes = Number(record.rowCount) * vectorWidth(field);
  return reads.reserve(
    record.collectionId,
    bytes,
    `the vectors of field ${field.name} of segment ${record.id}, whose index is lost`,
  );
}

/** @throws data_corrupt, object_not_found: build it again; memory_limit */
export async function openDiskIndex(
  platform: Platform,
  reads: DiskReads,
  record: SegmentRecord,
  field: FieldSchema,
  key: string,
): Promise<FileVectors> {
  const { objectStore, workers, crc32 } = platform;
  const head = decodeDiskHead(await objectStore.getRange(key, 0, SECTOR_BYTES), key, crc32);
  const size = await objectStore.size(key);
  if (size !== fileBytesOf(head)) throw diskCorrupt(key, `${size} bytes, expected ${fileBytesOf(head)}`);
  const parts: Omit<FileVectorsParts, 'pages'> = {
    workers,
    key,
    fieldId: field.fieldID,
    dataType: field.dataType,
    restore: () => readVectors(platform, reads, record, field),
  };
  const fits = (index: { readonly region: SharedRegion; readonly placement: IndexPlacement }): void => {
    const { dim, rowCount, elementType } = index.placement;
    if (
      dim === dimOf(field) &&
      BigInt(rowCount) === record.rowCount &&
      elementType === elementTypeOf(field.dataType)
    )
      return;
    const expected = `${record.rowCount} of dim ${dimOf(field)}`;
    throw diskCorrupt(
      key,
      `it is over ${rowCount} vectors of dim ${dim}, ${elementType}, expected ${expected}`,
    );
  };
  const index = isCodedFile(key)
    ? await openVectorIndex(workers, blockIn(objectStore, key, head.blockBytes, SECTOR_BYTES), key)
    : loadDiskIndex(
        workers,
        head,
        await objectStore.getRange(key, SECTOR_BYTES, SECTOR_BYTES + head.blockBytes),
        key,
      );
  try {
    fits(index);
    if (!('task' in index)) return new DiskVectors({ ...parts, index, pages: reads.cache.open(key, head) });
    const coded = codedParts(index, head, key);
    return new CodedVectors({ ...parts, ...coded, index, pages: reads.cache.open(key, head) });
  } catch (error) {
    workers.release(index.region);
    throw error;
  }
}

/** All vectors of a field from the insert log. */
async function readVectors(
  platform: Platform,
  reads: DiskReads,
  record: SegmentRecord,
  field: FieldSchema,
): Promise<VectorColumn> {
  const rows = Number(record.rowCount);
  const room = roomFor(reads, record, field);
  try {
    const column = await readColumn(platform, record, field);
    const vectors = new VectorColumn(platform.workers, field.fieldID, field.dataType, dimOf(field), rows);
    try {
      vectors.append(column, rows);
      return vectors;
    } catch (error) {
      vectors.release();
      throw error;
    }
  } finally {
    room.release();
  }
}
