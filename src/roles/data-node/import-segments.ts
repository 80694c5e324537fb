// The segments an import fills: one at a time per shard, written out when it is large, so that memory does not grow with the files.
// Among rows with one key the last wins within a segment; an import larger than a segment, like an insert, does not look for older rows.
import { must } from '#base/assert.js';
import { messageOf } from '#base/errors.js';
import { generateAutoIds } from '#model/columns/auto-ids.js';
import { batchOf, columnFromInt64, findColumn, gatherBatch } from '#model/columns/column.js';
import { shardOfRow } from '#model/columns/row-key.js';
import { primaryField, ROW_ID_FIELD } from '#model/schema/field.js';
import type { Platform } from '#platform/platform.js';
import { type ColumnBatch, type ImportJobRecord, SegmentRecord } from '#proto/elanus/data.js';
import type { CollectionSchema } from '#proto/milvus/schema.js';
import { type SegmentAddress, writeSegment } from '#segment/files/insert-log.js';
import { manifestKey, writeManifest } from '#segment/files/manifest.js';
import { SegmentData } from '#segment/segment-data.js';

const COPY_ROWS = 4096;

export interface ImportSegmentsParts {
  readonly platform: Platform;
  readonly job: ImportJobRecord;
  readonly schema: CollectionSchema;
  /** Ids of the first segment of each shard; later ones get theirs from `allocateIds`. */
  readonly segmentIds: readonly bigint[];
  readonly allocateIds: (count: number) => Promise<bigint>;
  /** Memory of one segment at which it is written. */
  readonly segmentBytesMax: number;
  readonly signal: AbortSignal;
}

export class ImportSegments {
  readonly #parts: ImportSegmentsParts;
  readonly #open: (SegmentData | undefined)[];
  readonly #unusedIds: (bigint | undefined)[];
  readonly #begun: SegmentAddress[] = [];
  readonly #records: SegmentRecord[] = [];

  constructor(parts: ImportSegmentsParts) {
    this.#parts = parts;
    this.#open = parts.job.vchannels.map(() => undefined);
    this.#unusedIds = parts.job.vchannels.map((vchannel, shard) =>
      must(parts.segmentIds[shard], `segment id for ${vchannel}`),
    );
  }

  /** Copies the rows into the segments of their shards. */
  async append(rows: ColumnBatch): Promise<void> {
    const { schema, allocateIds, segmentBytesMax } = this.#parts;
    const key = primaryField(schema);
    const firstId = await allocateIds(rows.rowCount);
    const keyed = findColumn(rows, key.fieldID) ? rows : generateAutoIds(schema, rows, firstId);
    const rowIds = BigInt64Array.from({ length: rows.rowCount }, (_, row) => firstId + BigInt(row));
    const batch = batchOf(rows.rowCount, [columnFromInt64(ROW_ID_FIELD, rowIds), ...keyed.columns]);
    for (const [shard, part] of this.#byShard(batch)) {
      const data = this.#open[shard] ?? (await this.#begin(shard));
      data.appendBatch(part, this.#parts.job.createTimestamp);
      if (data.memoryBytes >= segmentBytesMax) await this.#write(shard);
    }
  }

  /** Writes what is left. @returns the records of all segments. */
  async finish(): Promise<SegmentRecord[]> {
    for (let shard = 0; shard < this.#open.length; shard++) if (this.#open[shard]) await this.#write(shard);
    return this.#records;
  }

  release(): void {
    for (const data of this.#open) data?.release();
    this.#open.fill(undefined);
  }

  /** Removes whatever was written, also of a segment that was written in part. Its manifest leads to the rest, so it goes last. */
  async discard(): Promise<void> {
    const { objectStore, logger } = this.#parts.platform;
    for (const address of this.#begun) {
      try {
        const prefix = `insert_log/${address.collectionId}/${address.partitionId}/${address.segmentId}/`;
        for (const key of [...(await objectStore.list(prefix)), manifestKey(address)])
          await objectStore.remove(key);
      } catch (error) {
        logger.warn('import_cleanup_failed', {
          jobId: this.#parts.job.id,
          segmentId: address.segmentId,
          reason: messageOf(error),
        });
      }
    }
  }

  #byShard(batch: ColumnBatch): [number, ColumnBatch][] {
    const shards = this.#open.length;
    if (shards === 1) return [[0, batch]];
    const keys = must(findColumn(batch, primaryField(this.#parts.schema).fieldID), 'key column');
    const rowsOf: number[][] = Array.from({ length: shards }, () => []);
    for (let row = 0; row < batch.rowCount; row++) rowsOf[shardOfRow(keys, row, shards)]?.push(row);
    return rowsOf.flatMap((rows, shard): [number, ColumnBatch][] =>
      rows.length === 0 ? [] : [[shard, gatherBatch(batch, Uint32Array.from(rows))]],
    );
  }

  async #begin(shard: number): Promise<SegmentData> {
    const id = this.#unusedIds[shard] ?? (await this.#parts.allocateIds(1));
    this.#unusedIds[shard] = undefined;
    const data = this.#newData(id, 0);
    this.#open[shard] = data;
    return data;
  }

  #newData(id: bigint, rowsHint: number): SegmentData {
    const { platform, job, schema } = this.#parts;
    return new SegmentData(platform, {
      id,
      collectionId: job.collectionId,
      partitionId: job.partitionId,
      schema,
      rowsHint,
    });
  }

  async #write(shard: number): Promise<void> {
    const { platform, job, schema, signal, allocateIds } = this.#parts;
    const data = await this.#withoutDuplicates(shard);
    const address = { collectionId: job.collectionId, partitionId: job.partitionId, segmentId: data.id };
    this.#begun.push(address);
    const { collectionId, partitionId } = job;
    const fresh = {
      id: data.id,
      collectionId,
      partitionId,
      vchannel: must(job.vchannels[shard], 'vchannel'),
      state: 'importing',
    };
    // Announced before its files, so that whatever a crash leaves of them is found.
    await writeManifest(platform, { schema, segment: SegmentRecord.create(fresh) });
    const files = await writeSegment(platform, {
      address,
      schema,
      data,
      signal,
      rowBegin: 0,
      rowEnd: data.rowCount,
      logId: await allocateIds(1),
    });
    const record = SegmentRecord.create({
      ...fresh,
      rowCount: BigInt(data.rowCount),
      files,
      timestampFrom: data.timestampFrom,
      timestampTo: data.timestampTo,
      manifestKey: manifestKey(address),
      commitTimestamp: 0n,
      isLevelZero: false,
    });
    await writeManifest(platform, { schema, segment: record });
    this.#records.push(record);
    data.release();
    this.#open[shard] = undefined;
  }

  /** The shard's rows with only the last of each key: the segment itself, or in its place a copy without the others. */
  async #withoutDuplicates(shard: number): Promise<SegmentData> {
    const { platform, job, schema } = this.#parts;
    const data = must(this.#open[shard], `segment of shard ${shard}`);
    if (primaryField(schema).autoID) return data;
    const kept = new Uint32Array(data.rowCount);
    let count = 0;
    for (let row = 0; row < data.rowCount; row++) {
      if (data.find(data.keyOf(row), job.createTimestamp) === row) kept[count++] = row;
      if (row % (COPY_ROWS * 4) === 0) await platform.timers.yield();
    }
    if (count === data.rowCount) return data;
    const copy = this.#newData(data.id, count);
    this.#open[shard] = copy;
    try {
      const fieldIds = [ROW_ID_FIELD, ...schema.fields.map((field) => field.fieldID)];
      for (let begin = 0; begin < count; begin += COPY_ROWS) {
        copy.appendBatch(
          data.fetch(kept.subarray(begin, Math.min(count, begin + COPY_ROWS)), fieldIds),
          job.createTimestamp,
        );
        await platform.timers.yield();
      }
    } finally {
      data.release();
    }
    return copy;
  }
}
