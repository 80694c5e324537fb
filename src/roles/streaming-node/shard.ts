// One shard of a collection (a vchannel): its growing segments, the deletes that no file holds yet, and what is in files so far.
// `plan` turns a change into log records; `apply` makes a durable record visible, the same way when it is written and when it is replayed.
import { assert } from '#base/assert.js';
import { type Deferred, deferred } from '#base/async.js';
import { ElanusError } from '#base/errors.js';
import { batchBytes } from '#model/column.js';
import type { Platform } from '#platform/platform.js';
import type { ChannelRecord, Column, ColumnBatch, LogRecord, SegmentRows } from '#proto/elanus/data.js';
import type { CollectionSchema } from '#proto/milvus/schema.js';
import { SegmentData } from '#segment/segment-data.js';

export type ShardChange =
  | {
      readonly kind: 'write';
      readonly deletedKeys: Column | undefined;
      /** Where the keys are deleted; 0n: in every partition. */
      readonly deletedPartitionId: bigint;
      readonly inserts: readonly { readonly partitionId: bigint; readonly rows: ColumnBatch }[];
    }
  | { readonly kind: 'seal'; readonly segmentIds: readonly bigint[] }
  | { readonly kind: 'dropPartition'; readonly partitionId: bigint };

/** Life here:  growing ──seal──▶ sealed ──commit──▶ saved ──served by a query-node──▶ forgotten */
export interface GrowingSegment {
  readonly id: bigint;
  readonly partitionId: bigint;
  readonly data: SegmentData;
  state: 'growing' | 'sealed' | 'saved';
  readonly firstLsn: bigint;
  readonly firstTimestamp: bigint;
  readonly createdMs: number;
  lastWriteMs: number;
}
export interface BufferedDeletes {
  readonly keys: Column;
  readonly timestamp: bigint;
  readonly lsn: bigint;
  /** 0n: of every partition. */
  readonly partitionId: bigint;
}
export interface ShardSettings {
  /** Bytes of rows at which a growing segment is sealed. */
  readonly segmentBytesMax: number;
}
export interface ShardParts {
  readonly platform: Platform;
  readonly settings: ShardSettings;
  readonly channel: ChannelRecord;
  readonly schema: CollectionSchema;
  readonly persistedSegmentIds: ReadonlySet<bigint>;
  readonly allocateIds: (count: number) => Promise<bigint>;
  /** Brings deletes to the sealed segments that query-nodes serve; resolves when they hold. */
  readonly forwardDeletes: (deletes: Omit<BufferedDeletes, 'lsn'>) => Promise<void>;
  /** Something is ready to be written to files. */
  readonly onSealed: () => void;
}
const IDS_RESERVED = 8;

export class Shard {
  readonly channel: ChannelRecord;
  readonly schema: CollectionSchema;
  readonly segments = new Map<bigint, GrowingSegment>();
  readonly #parts: ShardParts;
  readonly #planned = new Map<bigint, { id: bigint; bytes: number }>();
  #ids: bigint[] = [];
  #deletes: BufferedDeletes[] = [];
  #appliedLsn = 0n;
  #appliedTimestamp: bigint;
  #checkpointTimestamp: bigint;
  #checkpointWaiters: { readonly timestamp: bigint; readonly done: Deferred<void> }[] = [];
  closed = false;

  constructor(parts: ShardParts) {
    this.#parts = parts;
    this.channel = parts.channel;
    this.schema = parts.schema;
    this.#appliedTimestamp = parts.channel.checkpointTimestamp;
    this.#checkpointTimestamp = parts.channel.checkpointTimestamp;
  }
  /** The newest timestamp at which everything of this shard is visible: what reads use. */
  get readTimestamp(): bigint {
    return this.#appliedTimestamp;
  }
  get deletes(): readonly BufferedDeletes[] {
    return this.#deletes;
  }
  get checkpointTimestamp(): bigint {
    return this.#checkpointTimestamp;
  }

  /** Makes sure that `plan` has segment ids at hand, so that it never waits. */
  async reserveIds(): Promise<void> {
    if (this.#ids.length >= IDS_RESERVED) return;
    const first = await this.#parts.allocateIds(IDS_RESERVED);
    for (let index = 0; index < IDS_RESERVED; index++) this.#ids.push(first + BigInt(index));
  }
  /** The log records of a change, in order. @throws channel_not_found after the channel was closed. */
  plan(change: ShardChange, timestamp: bigint): LogRecord[] {
    if (this.closed) throw new ElanusError('channel_not_found', `channel ${this.channel.vchannel} is closed; its collection was dropped`);
    const record = (body: Partial<LogRecord>): LogRecord => ({
      vchannel: this.channel.vchannel,
      timestamp,
      write: undefined,
      seal: undefined,
      dropPartition: undefined,
      ...body,
    });
    switch (change.kind) {
      case 'seal': {
        const isWanted = (id: bigint): boolean => change.segmentIds.length === 0 || change.segmentIds.includes(id);
        // What grows, and what earlier changes of this group will have begun. The plan alone is not enough: it leaves a segment when its
        // seal is planned, and the write of that seal may have failed.
        const ids = new Set<bigint>();
        for (const segment of this.segments.values()) if (segment.state === 'growing' && isWanted(segment.id)) ids.add(segment.id);
        for (const [partitionId, { id }] of [...this.#planned]) {
          if (!isWanted(id)) continue;
          ids.add(id);
          this.#planned.delete(partitionId);
        }
        return [record({ seal: { segmentIds: [...ids] } })];
      }
      case 'dropPartition':
        this.#planned.delete(change.partitionId);
        return [record({ dropPartition: { partitionId: change.partitionId } })];
      case 'write': {
        const full: bigint[] = [];
        const inserts: SegmentRows[] = change.inserts.map(({ partitionId, rows }) => ({
          partitionId,
          segmentId: this.#assign(partitionId, batchBytes(rows), full),
          rows,
        }));
        const write = record({ write: { deletedKeys: change.deletedKeys, deletedPartitionId: change.deletedPartitionId, inserts } });
        return full.length === 0 ? [write] : [record({ seal: { segmentIds: full } }), write];
      }
    }
  }
  /** The growing segment that takes these rows; one that would outgrow its bound is sealed first. */
  #assign(partitionId: bigint, bytes: number, full: bigint[]): bigint {
    let current = this.#planned.get(partitionId);
    if (current !== undefined && current.bytes > 0 && current.bytes + bytes > this.#parts.settings.segmentBytesMax) {
      full.push(current.id);
      current = undefined;
    }
    if (current === undefined) {
      const id = this.#ids.shift();
      if (id === undefined) throw new ElanusError('service_not_ready', 'no segment ids at hand; try again');
      current = { id, bytes: 0 };
      this.#planned.set(partitionId, current);
    }
    current.bytes += bytes;
    return current.id;
  }

  /** Takes the shard through one durable record. */
  async apply(record: LogRecord, lsn: bigint, isReplay = false): Promise<void> {
    if (record.write !== undefined) {
      const { deletedKeys, deletedPartitionId: partitionId, inserts } = record.write;
      if (deletedKeys !== undefined) {
        // Noted before they are forwarded: a segment whose load begins meanwhile takes them from here.
        this.#deletes.push({ keys: ownColumn(deletedKeys), timestamp: record.timestamp, lsn, partitionId });
        // Sealed segments first: a reader at the old timestamp sees neither half, one at the new timestamp both.
        if (!isReplay) await this.#parts.forwardDeletes({ keys: deletedKeys, timestamp: record.timestamp, partitionId });
        for (const segment of this.segments.values())
          if (partitionId === 0n || partitionId === segment.partitionId) segment.data.applyDeletes(deletedKeys, record.timestamp);
      }
      for (const insert of inserts) this.#insert(insert, record.timestamp, lsn, isReplay);
    }
    if (record.seal !== undefined) {
      for (const id of record.seal.segmentIds) {
        const segment = this.segments.get(id);
        if (segment !== undefined && segment.state === 'growing') segment.state = 'sealed';
        for (const [partitionId, planned] of this.#planned) if (planned.id === id) this.#planned.delete(partitionId);
      }
    }
    if (record.dropPartition !== undefined) {
      const { partitionId } = record.dropPartition;
      this.#deletes = this.#deletes.filter((deletes) => deletes.partitionId !== partitionId);
      for (const segment of [...this.segments.values()]) {
        if (segment.partitionId === partitionId) this.forget(segment.id);
      }
    }
    assert(lsn > this.#appliedLsn, `${this.channel.vchannel}: record ${lsn} after ${this.#appliedLsn}`);
    this.#appliedLsn = lsn;
    this.#appliedTimestamp = record.timestamp;
    if (record.seal !== undefined) this.#parts.onSealed();
  }
  #insert(insert: SegmentRows, timestamp: bigint, lsn: bigint, isReplay: boolean): void {
    if (isReplay && this.#parts.persistedSegmentIds.has(insert.segmentId)) return;
    assert(insert.rows !== undefined, `record ${lsn}: an insert without rows`);
    let segment = this.segments.get(insert.segmentId);
    const nowMs = this.#parts.platform.clock.now();
    if (segment === undefined) {
      const { collectionId } = this.channel;
      const data = new SegmentData(this.#parts.platform, {
        id: insert.segmentId,
        collectionId,
        partitionId: insert.partitionId,
        schema: this.schema,
      });
      segment = {
        id: insert.segmentId,
        partitionId: insert.partitionId,
        data,
        state: 'growing',
        firstLsn: lsn,
        firstTimestamp: timestamp,
        createdMs: nowMs,
        lastWriteMs: nowMs,
      };
      this.segments.set(segment.id, segment);
      if (isReplay) this.#planned.set(insert.partitionId, { id: segment.id, bytes: 0 });
    }
    segment.lastWriteMs = nowMs;
    segment.data.appendBatch(insert.rows, timestamp);
    const planned = this.#planned.get(insert.partitionId);
    if (isReplay && planned?.id === segment.id) planned.bytes += batchBytes(insert.rows);
  }
  forget(segmentId: bigint): void {
    const segment = this.segments.get(segmentId);
    if (segment === undefined) return;
    this.segments.delete(segmentId);
    segment.data.release();
  }

  get #unsaved(): { readonly lsn: bigint; readonly timestamp: bigint } | undefined {
    let first: { lsn: bigint; timestamp: bigint } | undefined;
    for (const segment of this.segments.values()) {
      if (segment.state !== 'saved' && (first === undefined || segment.firstLsn < first.lsn))
        first = { lsn: segment.firstLsn, timestamp: segment.firstTimestamp };
    }
    const oldest = this.#deletes[0];
    if (oldest !== undefined && (first === undefined || oldest.lsn < first.lsn)) first = { lsn: oldest.lsn, timestamp: oldest.timestamp };
    return first;
  }
  /** Every record of this shard before it is in files. */
  get firstUnsavedLsn(): bigint {
    return this.#unsaved?.lsn ?? BigInt.asUintN(63, -1n);
  }
  /** The checkpoint that holds once these segments and deletes are committed. */
  checkpointAfter(
    saved: readonly GrowingSegment[],
    savedDeletes: readonly BufferedDeletes[],
  ): { readonly lsn: bigint; readonly timestamp: bigint } {
    let lsn = this.#appliedLsn + 1n;
    let timestamp = this.#appliedTimestamp;
    const consider = (candidate: { readonly lsn: bigint; readonly timestamp: bigint }): void => {
      if (candidate.lsn >= lsn) return;
      lsn = candidate.lsn;
      timestamp = candidate.timestamp - 1n;
    };
    for (const segment of this.segments.values()) {
      if (segment.state !== 'saved' && !saved.includes(segment)) consider({ lsn: segment.firstLsn, timestamp: segment.firstTimestamp });
    }
    const isSaved = new Set(savedDeletes);
    for (const deletes of this.#deletes) if (!isSaved.has(deletes)) consider(deletes);
    return { lsn, timestamp };
  }
  /** Called once the catalog has the files. */
  committed(saved: readonly GrowingSegment[], savedDeletes: readonly BufferedDeletes[], checkpointTimestamp: bigint): void {
    for (const segment of saved) segment.state = 'saved';
    const isSaved = new Set(savedDeletes);
    this.#deletes = this.#deletes.filter((deletes) => !isSaved.has(deletes));
    if (checkpointTimestamp > this.#checkpointTimestamp) this.#checkpointTimestamp = checkpointTimestamp;
    for (const waiter of this.#checkpointWaiters) if (waiter.timestamp <= this.#checkpointTimestamp) waiter.done.resolve();
    this.#checkpointWaiters = this.#checkpointWaiters.filter((waiter) => waiter.timestamp > this.#checkpointTimestamp);
  }
  /** Resolves when every row and delete up to the timestamp is in files. */
  awaitCheckpoint(timestamp: bigint): Promise<void> {
    if (this.closed || timestamp <= this.#checkpointTimestamp) return Promise.resolve();
    const done = deferred<void>();
    this.#checkpointWaiters.push({ timestamp, done });
    return done.promise;
  }
  close(): void {
    this.closed = true;
    for (const waiter of this.#checkpointWaiters) waiter.done.resolve();
    this.#checkpointWaiters = [];
    for (const id of [...this.segments.keys()]) this.forget(id);
    this.#deletes = [];
  }
}
/** A column that outlives the request's buffer. */
const ownColumn = (column: Column): Column => ({
  ...column,
  data: column.data.slice(),
  offsets: column.offsets.slice(),
  valid: column.valid.slice(),
});
