// The segments an import fills: one at a time per shard and partition. When all of them together are too large the largest is written out,
// so memory does not grow with the files. Among rows with one key the last wins within a segment; an import larger than a segment, like an insert, does not look for older rows.
import { must } from '#base/assert.js';
import { messageOf } from '#base/errors.js';
import { generateAutoIds } from '#model/columns/auto-ids.js';
import { batchOf, columnFromInt64, findColumn, gatherBatch } from '#model/columns/column.js';
import { shardOfRow } from '#model/columns/row-key.js';
import { primaryField, ROW_ID_FIELD } from '#model/schema/field.js';
import { partitionKeyField } from '#model/schema/schema-view.js';
import { Pace } from '#platform/pace.js';
import type { Platform } from '#platform/platform.js';
import { type ColumnBatch, type ImportJobRecord, SegmentRecord } from '#proto/elanus/data.js';
import type { CollectionSchema } from '#proto/milvus/schema.js';
import { type SegmentAddress, writeSegment } from '#segment/files/insert-log.js';
import { manifestKey, writeManifest } from '#segment/files/manifest.js';
import { SegmentData } from '#segment/segment-data.js';
import type { Embedder } from '#text/functions/embedder.js';
import { withFunctionOutputs } from '#text/functions/function-outputs.js';

const COPY_ROWS = 4096;

export interface ImportSegmentsParts {
  readonly platform: Platform;
  readonly job: ImportJobRecord;
  readonly schema: CollectionSchema;
  /** Ids of the first segments; later ones get theirs from `allocateIds`. */
  readonly segmentIds: readonly bigint[];
  readonly allocateIds: (count: number) => Promise<bigint>;
  /** Memory of all segments together at which one is written. */
  readonly bytesMax: number;
  readonly signal: AbortSignal;
  readonly embedder: Embedder;
}

/** A segment that is being filled. */
interface OpenSegment {
  readonly vchannel: string;
  readonly partitionId: bigint;
  data: SegmentData;
}

export class ImportSegments {
  readonly #parts: ImportSegmentsParts;
  readonly #partitionIds: readonly bigint[];
  /** By place: partitions of the first shard, then those of the next. */
  readonly #open = new Map<number, OpenSegment>();
  readonly #unusedIds: bigint[];
  readonly #begun: SegmentAddress[] = [];
  readonly #records: SegmentRecord[] = [];

  constructor(parts: ImportSegmentsParts) {
    this.#parts = parts;
    const { partitionIds, partitionId } = parts.job;
    this.#partitionIds = partitionIds.length === 0 ? [partitionId] : partitionIds;
    this.#unusedIds = [...parts.segmentIds];
  }

  /** Copies the rows into the segments of their shards and partitions, with what functions make of them. */
  async append(sent: ColumnBatch): Promise<void> {
    const { schema, allocateIds, bytesMax, job, platform, signal, embedder } = this.#parts;
    const rows =
      schema.functions.length === 0
        ? sent
        : await withFunctionOutputs(schema, sent, {
            pace: new Pace(platform, { signal }),
            embedder,
            caller: { signal },
            isBulk: true,
          });
    const key = primaryField(schema);
    const firstId = await allocateIds(rows.rowCount);
    const keyed = findColumn(rows, key.fieldID) ? rows : generateAutoIds(schema, rows, firstId);
    const rowIds = BigInt64Array.from({ length: rows.rowCount }, (_, row) => firstId + BigInt(row));
    const batch = batchOf(rows.rowCount, [columnFromInt64(ROW_ID_FIELD, rowIds), ...keyed.columns]);
    for (const [place, part] of this.#byPlace(batch)) {
      const { data } = this.#open.get(place) ?? (await this.#begin(place));
      data.appendBatch(part, job.createTimestamp);
    }
    while (this.#bytes() >= bytesMax) await this.#write(this.#largest());
  }

  /** Writes what is left. @returns the records of all segments. */
  async finish(): Promise<SegmentRecord[]> {
    for (const place of [...this.#open.keys()].sort((a, b) => a - b)) await this.#write(place);
    return this.#records;
  }

  #bytes(): number {
    let bytes = 0;
    for (const { data } of this.#open.values()) bytes += data.memoryBytes;
    return bytes;
  }

  #largest(): number {
    let largest: readonly [number, OpenSegment] | undefined;
    for (const entry of this.#open)
      if (largest === undefined || entry[1].data.memoryBytes > largest[1].data.memoryBytes) largest = entry;
    return must(largest, 'a segment that is filled')[0];
  }

  release(): void {
    for (const { data } of this.#open.values()) data.release();
    this.#open.clear();
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

  #byPlace(batch: ColumnBatch): [number, ColumnBatch][] {
    const { schema, job } = this.#parts;
    const shards = job.vchannels.length;
    const partitions = this.#partitionIds.length;
    if (shards * partitions === 1) return [[0, batch]];
    const keys = must(findColumn(batch, primaryField(schema).fieldID), 'key column');
    const field = partitions === 1 ? undefined : must(partitionKeyField(schema), 'partition key field');
    const chosen = field && must(findColumn(batch, field.fieldID), 'partition key column');
    const rowsOf = new Map<number, number[]>();
    for (let row = 0; row < batch.rowCount; row++) {
      const partition = chosen === undefined ? 0 : shardOfRow(chosen, row, partitions);
      const place = shardOfRow(keys, row, shards) * partitions + partition;
      const rows = rowsOf.get(place);
      if (rows === undefined) rowsOf.set(place, [row]);
      else rows.push(row);
    }
    return [...rowsOf]
      .sort(([a], [b]) => a - b)
      .map(([place, rows]) => [place, gatherBatch(batch, Uint32Array.from(rows))]);
  }

  async #begin(place: number): Promise<OpenSegment> {
    const partitions = this.#partitionIds.length;
    const partitionId = must(this.#partitionIds[place % partitions], 'partition');
    const vchannel = must(this.#parts.job.vchannels[Math.floor(place / partitions)], 'vchannel');
    const id = this.#unusedIds.shift() ?? (await this.#parts.allocateIds(1));
    const open = { vchannel, partitionId, data: this.#newData(id, partitionId, 0) };
    this.#open.set(place, open);
    return open;
  }

  #newData(id: bigint, partitionId: bigint, rowsHint: number): SegmentData {
    const { platform, job, schema } = this.#parts;
    const { collectionId } = job;
    return new SegmentData(platform, { id, collectionId, partitionId, schema, rowsHint });
  }

  async #write(place: number): Promise<void> {
    const { platform, job, schema, signal, allocateIds } = this.#parts;
    const open = must(this.#open.get(place), `segment of place ${place}`);
    const { partitionId, vchannel } = open;
    const data = await this.#withoutDuplicates(open);
    const { collectionId } = job;
    const address = { collectionId, partitionId, segmentId: data.id };
    this.#begun.push(address);
    const fresh = {
      id: data.id,
      collectionId,
      partitionId,
      vchannel,
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
    this.#open.delete(place);
  }

  /** The rows with only the last of each key: the segment itself, or in its place a copy without the others. */
  async #withoutDuplicates(open: OpenSegment): Promise<SegmentData> {
    const { platform, job, schema } = this.#parts;
    const { data } = open;
    if (primaryField(schema).autoID) return data;
    const kept = new Uint32Array(data.rowCount);
    let count = 0;
    for (let row = 0; row < data.rowCount; row++) {
      if (data.find(data.keyOf(row), job.createTimestamp) === row) kept[count++] = row;
      if (row % (COPY_ROWS * 4) === 0) await platform.timers.yield();
    }
    if (count === data.rowCount) return data;
    const copy = this.#newData(data.id, open.partitionId, count);
    open.data = copy;
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
