// One shard of a collection (a vchannel): its growing segments, the deletes that no file holds yet, and what is in files so far.
// A draft (shard-draft.ts) turns changes into log records and takes what applying them needs; `apply` makes a durable record visible, the
// same way when it is written and when it is replayed. Which segment takes the next rows follows from what was applied, and from nothing else.

import { assert } from '#base/assert.js';
import { type Deferred, deferred } from '#base/async.js';
import { ElanusError, messageOf } from '#base/errors.js';
import { LazyMap, LazySet } from '#base/maps/lazy-map.js';
import { columnBytes, findColumn, withKnownColumns } from '#model/columns/column.js';
import { appliedBytes } from '#model/columns/row-bytes.js';
import { schemaOfRows } from '#model/functions/late-outputs.js';
import { Pace } from '#platform/pace.js';
import type { ChannelRecord, Column, ColumnBatch, LogRecord, SegmentRows } from '#proto/elanus/data.js';
import type { CollectionSchema } from '#proto/milvus/schema.js';
import { backgroundContext } from '#rpc/service.js';
import { addedBytes } from '#segment/added-fields.js';
import { applyDeletes } from '#segment/apply-deletes.js';
import { KeptTotal } from '#segment/kept/kept-total.js';
import { SegmentData } from '#segment/segment-data.js';
import { GrowingBytes } from './growing-bytes.js';
import type { KeySet } from './key-set.js';
import type { BufferedDeletes, GrowingSegment } from './shard-change.js';
import { type OpenSegment, ownColumn, ShardDraft } from './shard-draft.js';
import type { ShardParts } from './shard-parts.js';

/** Deletes that no file holds yet are written when they take so much, bytes. */
const DELETE_BYTES_MAX = 64 * 1024 * 1024;

export class Shard {
  readonly channel: ChannelRecord;
  #schema: CollectionSchema;
  readonly segments = new LazyMap<bigint, GrowingSegment>();
  /** What filters keep of JSON paths and words of growing segments; not among `memoryBytes`, for it can go at any moment. */
  readonly paths: KeptTotal;
  readonly #parts: ShardParts;
  /** By partition: the growing segment that takes its rows. */
  readonly #open = new LazyMap<bigint, OpenSegment>();
  /** Segments of the current draft that no record began yet. */
  readonly #prepared = new LazyMap<bigint, SegmentData>();
  /** Partitions that the log drops: nothing is written to them any more. */
  readonly #dropped = new LazySet<bigint>();
  readonly #ids: bigint[] = [];
  readonly #bytes = new GrowingBytes();
  readonly #unsavedBytes = new GrowingBytes();
  #deleteBytes = 0;
  #failure: { readonly error: ElanusError; readonly lsn: bigint } | undefined;
  #deletes: BufferedDeletes[] = [];
  #appliedLsn = 0n;
  #appliedTimestamp: bigint;
  #checkpointTimestamp: bigint;
  /** What was written up to then may be in files alone: memory does not show any more whether a key was written. */
  #forgottenUpTo: bigint;
  #checkpointWaiters: { readonly timestamp: bigint; readonly done: Deferred<void> }[] = [];
  closed = false;

  constructor(parts: ShardParts) {
    this.#parts = parts;
    this.paths = new KeptTotal(parts.hasRoom);
    this.channel = parts.channel;
    this.#schema = parts.schema;
    for (const id of parts.channel.droppedPartitionIds) this.#dropped.add(id);
    this.#appliedTimestamp = parts.channel.checkpointTimestamp;
    this.#checkpointTimestamp = parts.channel.checkpointTimestamp;
    this.#forgottenUpTo = parts.channel.checkpointTimestamp;
  }

  /** The newest that this shard knows; `shard-schema.ts` sees to it that it is new enough for each request. */
  get schema(): CollectionSchema {
    return this.#schema;
  }

  /**
   * Rows are taken and read by a newer schema from now on: to be called between two groups. @throws memory_insufficient, memory_limit
   */
  followSchema(schema: CollectionSchema): void {
    if (this.closed) return;
    const own = ({ data }: GrowingSegment) => schemaOfRows(schema, (id) => data.hasField(id));
    const bytes = [...this.segments.values()].reduce(
      (sum, segment) => sum + addedBytes(own(segment), segment.data),
      0,
    );
    if (bytes > 0 && this.#parts.hasRoom?.(bytes) === false)
      throw new ElanusError(
        'memory_insufficient',
        `no memory for the new fields of the rows of channel ${this.channel.vchannel} (${bytes} bytes); release collections, then try again`,
      );
    for (const segment of this.segments.values()) {
      segment.data.updateSchema(own(segment));
      this.#note(segment);
    }
    this.#schema = schema;
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

  /** Why a durable record could not be applied. From then on the shard neither reads nor writes, and keeps its log; a restart tries again. */
  get failure(): ElanusError | undefined {
    return this.#failure?.error;
  }

  isDropped(partitionId: bigint): boolean {
    return this.#dropped.has(partitionId);
  }

  /** Memory of all growing segments and buffered deletes. */
  get memoryBytes(): number {
    return this.#bytes.total + this.#deleteBytes;
  }

  /** It holds neither rows nor deletes. */
  get isEmpty(): boolean {
    return this.segments.size === 0 && this.#deletes.length === 0;
  }

  /** Bytes that are not in files yet. */
  get unsavedBytes(): number {
    return this.#unsavedBytes.total + this.#deleteBytes;
  }

  /** Makes sure that a draft has so many segment ids ready that it never waits. */
  async reserveIds(count: number): Promise<void> {
    const missing = count - this.#ids.length;
    if (missing <= 0) return;
    const first = await this.#parts.allocateIds(missing);
    for (let index = 0; index < missing; index++) this.#ids.push(first + BigInt(index));
  }

  /** For one group of changes; closed before the next is asked for. @throws channel_not_found, service_unavailable */
  draft(): ShardDraft {
    if (this.closed)
      throw new ElanusError(
        'channel_not_found',
        `channel ${this.channel.vchannel} is closed; its collection was dropped`,
      );
    if (this.#failure !== undefined) throw this.#failure.error;
    return new ShardDraft({
      channel: this.channel,
      schema: this.#schema,
      segmentBytesMax: this.#parts.settings.segmentBytesMax,
      segments: this.segments,
      open: this.#open,
      ids: this.#ids,
      prepared: this.#prepared,
      isDropped: (partitionId) => this.isDropped(partitionId),
      hasChanged: (keys, since) => this.#hasChanged(keys, since),
      createSegment: (id, partitionId, rows) => this.#createSegment(id, partitionId, rows),
    });
  }

  /** A flush or a restart may have taken the rows that would show it: then the answer is yes, and the caller reads again. */
  #hasChanged(keys: KeySet, since: bigint): boolean {
    if (this.#forgottenUpTo > since) return true;
    if (this.#deletes.some((deletes) => deletes.timestamp > since && keys.hasAnyOf(deletes.keys)))
      return true;
    for (const { data } of this.segments.values()) {
      if (data.timestampTo <= since) continue;
      for (const row of data.rowsOf(keys)) if (data.timestampOf(row) > since) return true;
    }
    return false;
  }

  #forgetUpTo(timestamp: bigint): void {
    if (timestamp > this.#forgottenUpTo) this.#forgottenUpTo = timestamp;
  }

  /** @param rows its first; all others have the columns of functions that they have */
  #createSegment(id: bigint, partitionId: bigint, rows: ColumnBatch): SegmentData {
    const { collectionId } = this.channel;
    const { platform } = this.#parts;
    const schema = schemaOfRows(this.#schema, (fieldId) => findColumn(rows, fieldId) !== undefined);
    const data = new SegmentData(platform, { id, collectionId, partitionId, schema });
    data.countKeptIn(this.paths);
    return data;
  }

  /**
   * Takes the shard through one durable record. Never throws: a record that cannot be applied, against all that was reserved, stops this
   * shard (`failure`). What it did of that record is not seen by anyone, goes to no file, and the log keeps it for the next start.
   */
  async apply(record: LogRecord, lsn: bigint, isReplay = false): Promise<void> {
    if (this.closed || this.#failure !== undefined) return;
    try {
      await this.#apply(record, lsn, isReplay);
    } catch (error) {
      const why = `channel ${this.channel.vchannel}: record ${lsn} of its log could not be applied (${messageOf(error)})`;
      const what =
        'its rows are safe in the log, but can neither be read nor written; restart the server, with more memory if it lacked some';
      this.#failure = {
        error: new ElanusError('shard_stopped', `${why}; ${what}`, { cause: error }),
        lsn,
      };
      this.#parts.platform.logger.error('shard_stopped', {
        vchannel: this.channel.vchannel,
        lsn,
        reason: messageOf(error),
      });
      for (const waiter of this.#checkpointWaiters.splice(0)) waiter.done.reject(this.#failure.error);
    }
  }

  async #apply(record: LogRecord, lsn: bigint, isReplay: boolean): Promise<void> {
    assert(lsn > this.#appliedLsn, `${this.channel.vchannel}: record ${lsn} after ${this.#appliedLsn}`);
    if (record.write !== undefined) {
      const { deletedKeys, deletedPartitionId: partitionId, inserts } = record.write;
      if (deletedKeys !== undefined) {
        // Noted before they are forwarded: a segment whose load begins meanwhile takes them from here.
        const keys = isReplay ? ownColumn(deletedKeys) : deletedKeys;
        const appliedMs = this.#parts.platform.clock.monotonic();
        this.#deletes.push({ keys, timestamp: record.timestamp, lsn, partitionId, appliedMs });
        this.#deleteBytes += columnBytes(keys);
        this.#parts.onHolding?.();
        // Sealed segments first: a reader at the old timestamp sees neither half, one at the new timestamp both.
        if (!isReplay)
          await this.#parts.forwardDeletes({ keys: deletedKeys, timestamp: record.timestamp, partitionId });
        await this.#deleteRows(deletedKeys, record.timestamp, partitionId);
      }
      for (const insert of inserts) this.#insert(insert, record.timestamp, lsn, isReplay);
    }
    if (record.seal !== undefined) {
      for (const id of record.seal.segmentIds) {
        const segment = this.segments.get(id);
        if (segment === undefined) continue;
        if (segment.state === 'growing') segment.state = 'sealed';
        if (this.#open.get(segment.partitionId)?.id === id) this.#open.delete(segment.partitionId);
      }
    }
    if (record.dropPartition !== undefined) {
      const { partitionId } = record.dropPartition;
      this.#keepDeletes((deletes) => deletes.partitionId !== partitionId);
      this.#open.delete(partitionId);
      this.#dropped.add(partitionId);
      for (const segment of [...this.segments.values()]) {
        if (segment.partitionId === partitionId) this.forget(segment.id);
      }
    }
    this.#appliedLsn = lsn;
    this.#appliedTimestamp = record.timestamp;
    // What is in files already was left out.
    if (isReplay) this.#forgetUpTo(record.timestamp);
    if (record.seal !== undefined || (!isReplay && this.#deleteBytes > DELETE_BYTES_MAX))
      this.#parts.onSealed();
  }

  /** In slices: reads go on meanwhile, at timestamps before this one, and a flush may forget a segment. */
  async #deleteRows(keys: Column, timestamp: bigint, partitionId: bigint): Promise<void> {
    const pace = new Pace(this.#parts.platform, backgroundContext);
    const deletes = { keys, timestampAt: () => timestamp, partitionAt: () => partitionId };
    for (const segment of [...this.segments.values()]) {
      const isGone = () => this.segments.get(segment.id) !== segment;
      if (isGone()) continue;
      const deleted = await applyDeletes(segment.data, deletes, pace, isGone);
      if (deleted > 0 && !isGone()) this.#note(segment);
    }
  }

  #keepDeletes(isKept: (deletes: BufferedDeletes) => boolean): void {
    for (const deletes of this.#deletes) if (!isKept(deletes)) this.#forgetUpTo(deletes.timestamp);
    this.#deletes = this.#deletes.filter(isKept);
    this.#deleteBytes = this.#deletes.reduce((sum, { keys }) => sum + columnBytes(keys), 0);
  }

  #note({ data, state }: GrowingSegment): void {
    this.#bytes.note(data);
    if (state === 'saved') this.#unsavedBytes.forget(data.id);
    else this.#unsavedBytes.note(data);
  }

  #insert(insert: SegmentRows, timestamp: bigint, lsn: bigint, isReplay: boolean): void {
    if (isReplay && this.#parts.persistedSegmentIds.has(insert.segmentId)) return;
    assert(insert.rows !== undefined, `record ${lsn}: an insert without rows`);
    const { segmentId: id, partitionId } = insert;
    let segment = this.segments.get(id);
    const nowMs = this.#parts.platform.clock.monotonic();
    if (segment === undefined) {
      const data = this.#prepared.get(id) ?? this.#createSegment(id, partitionId, insert.rows);
      this.#prepared.delete(id);
      const first = { firstLsn: lsn, firstTimestamp: timestamp, createdMs: nowMs, lastWriteMs: nowMs };
      segment = { id, partitionId, data, state: 'growing', ...first };
      this.segments.set(segment.id, segment);
      this.#parts.onHolding?.();
    }
    segment.lastWriteMs = nowMs;
    // Nothing is kept of fields that were dropped since.
    const rows = isReplay ? withKnownColumns(insert.rows, this.#schema) : insert.rows;
    segment.data.appendBatch(rows, timestamp);
    this.#note(segment);
    const open = this.#open.get(insert.partitionId);
    const before = open?.id === segment.id ? open : { bytes: 0, rows: 0 };
    this.#open.set(insert.partitionId, {
      id: segment.id,
      bytes: before.bytes + appliedBytes(this.#schema, rows),
      rows: before.rows + insert.rows.rowCount,
    });
  }

  forget(segmentId: bigint): void {
    const segment = this.segments.get(segmentId);
    if (segment === undefined) return;
    this.segments.delete(segmentId);
    this.#forgetUpTo(segment.data.timestampTo);
    this.#bytes.forget(segmentId);
    this.#unsavedBytes.forget(segmentId);
    if (this.#open.get(segment.partitionId)?.id === segmentId) this.#open.delete(segment.partitionId);
    segment.data.release();
  }

  get #unsaved(): { readonly lsn: bigint; readonly timestamp: bigint } | undefined {
    let first: { lsn: bigint; timestamp: bigint } | undefined;
    for (const segment of this.segments.values()) {
      if (segment.state !== 'saved' && (first === undefined || segment.firstLsn < first.lsn))
        first = { lsn: segment.firstLsn, timestamp: segment.firstTimestamp };
    }
    const oldest = this.#deletes[0];
    if (oldest !== undefined && (first === undefined || oldest.lsn < first.lsn))
      first = { lsn: oldest.lsn, timestamp: oldest.timestamp };
    const failed = this.#failure?.lsn;
    if (failed !== undefined && (first === undefined || failed < first.lsn))
      first = { lsn: failed, timestamp: this.#appliedTimestamp };
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
    const files = new Set(saved);
    for (const segment of this.segments.values()) {
      if (segment.state !== 'saved' && !files.has(segment))
        consider({ lsn: segment.firstLsn, timestamp: segment.firstTimestamp });
    }
    const isSaved = new Set(savedDeletes);
    for (const deletes of this.#deletes) if (!isSaved.has(deletes)) consider(deletes);
    return { lsn, timestamp };
  }

  /** Called once the catalog has the files. */
  committed(
    saved: readonly GrowingSegment[],
    savedDeletes: readonly BufferedDeletes[],
    checkpointTimestamp: bigint,
  ): void {
    for (const segment of saved) {
      segment.state = 'saved';
      this.#unsavedBytes.forget(segment.id);
    }
    const isSaved = new Set(savedDeletes);
    this.#keepDeletes((deletes) => !isSaved.has(deletes));
    if (checkpointTimestamp > this.#checkpointTimestamp) this.#checkpointTimestamp = checkpointTimestamp;
    for (const waiter of this.#checkpointWaiters)
      if (waiter.timestamp <= this.#checkpointTimestamp) waiter.done.resolve();
    this.#checkpointWaiters = this.#checkpointWaiters.filter(
      (waiter) => waiter.timestamp > this.#checkpointTimestamp,
    );
  }

  /** Resolves when every row and delete up to the timestamp is in files. */
  awaitCheckpoint(timestamp: bigint): Promise<void> {
    if (this.closed || timestamp <= this.#checkpointTimestamp) return Promise.resolve();
    if (this.#failure !== undefined) return Promise.reject(this.#failure.error);
    const done = deferred<void>();
    this.#checkpointWaiters.push({ timestamp, done });
    return done.promise;
  }

  close(): void {
    this.closed = true;
    for (const waiter of this.#checkpointWaiters) waiter.done.resolve();
    this.#checkpointWaiters = [];
    for (const id of [...this.segments.keys()]) this.forget(id);
    this.#keepDeletes(() => false);
  }
}
