// What a group of changes will make of a shard, before any of it is durable. A draft starts from what is applied, plans one change after
// the other, and takes all that applying them needs: segment ids, and memory in the segments that will get the rows. A change whose plan
// fails leaves nothing behind; when the append fails the whole draft is thrown away, and the shard is as it was.

import { must } from '#base/assert.js';
import { ElanusError } from '#base/errors.js';
import type { LazyMap } from '#base/maps/lazy-map.js';
import { columnBytes, findColumn, packNulls, withKnownColumns } from '#model/columns/column.js';
import { appliedBytes, tooLarge } from '#model/columns/row-bytes.js';
import { lackedOutputs } from '#model/functions/late-outputs.js';
import { primaryField } from '#model/schema/field.js';
import type { ChannelRecord, Column, ColumnBatch, LogRecord, SegmentRows } from '#proto/elanus/data.js';
import type { CollectionSchema } from '#proto/milvus/schema.js';
import type { SegmentData } from '#segment/segment-data.js';
import { PAYLOAD_BYTES_MAX } from '#wal/frame.js';
import { KeySet } from './key-set.js';
import type { GrowingSegment, ShardChange } from './shard-change.js';

/** A growing segment that takes the rows of its partition. */
export interface OpenSegment {
  readonly id: bigint;
  /** Bytes as `appliedBytes` counts them. */
  readonly bytes: number;
  readonly rows: number;
}

/** The shard as the draft sees it. */
export interface DraftBase {
  readonly channel: ChannelRecord;
  readonly schema: CollectionSchema;
  readonly segmentBytesMax: number;
  readonly segments: ReadonlyMap<bigint, GrowingSegment>;
  /** Open segments by partition. */
  readonly open: ReadonlyMap<bigint, OpenSegment>;
  /** Ids to use; those that are not used stay. */
  readonly ids: bigint[];
  /** Segments that records of this draft will begin, by id; `apply` takes them from here. */
  readonly prepared: LazyMap<bigint, SegmentData>;
  /** Whether an applied record drops the partition. */
  readonly isDropped: (partitionId: bigint) => boolean;
  /** Whether one of the keys was written or deleted in an applied record after that time, or that is not known any more. */
  readonly hasChanged: (keys: KeySet, since: bigint) => boolean;
  readonly createSegment: (id: bigint, partitionId: bigint, rows: ColumnBatch) => SegmentData;
}

/** Deletes of a segment's rows are kept in a map, and the platform's holds 2^24. */
const SEGMENT_ROWS_MAX = 1 << 23;
/** Bytes of a column in a record beside its data: name, id, lengths. */
const COLUMN_OVERHEAD_BYTES = 64;

/** Segment ids that the change may need at most. */
export const idsNeeded = (change: ShardChange): number =>
  change.kind === 'write' ? change.inserts.length : 0;

export class ShardDraft {
  readonly #base: DraftBase;
  /** What this draft changes of `base.open`. */
  readonly #open = new Map<bigint, OpenSegment | undefined>();
  readonly #reserved = new Set<SegmentData>();
  /** Partitions that earlier changes of this draft drop. */
  readonly #dropped = new Set<bigint>();
  /** Planned before, and not applied yet. */
  readonly #writes: WriteChange[] = [];
  /** Takes back what the change that is being planned did so far, newest last. */
  #undo: (() => void)[] = [];

  constructor(base: DraftBase) {
    this.#base = base;
  }

  /** The log records of a change, in order. @throws parameter_too_large, memory_limit; then the draft is as before */
  plan(change: ShardChange, timestamp: bigint): LogRecord[] {
    return this.#whole(() => this.#plan(change, timestamp));
  }

  /** Takes what applying a record needs that is in the log and was not planned here. @throws memory_limit; then the draft is as before */
  hold({ write }: LogRecord): void {
    this.#whole(() => {
      for (const { segmentId, partitionId, rows } of write?.inserts ?? [])
        if (rows !== undefined) this.#reserve(segmentId, partitionId, rows);
    });
  }

  #whole<T>(task: () => T): T {
    this.#undo = [];
    try {
      return task();
    } catch (error) {
      for (const undo of this.#undo.reverse()) undo();
      if (error instanceof RangeError) throw outOfMemory(error);
      throw error;
    }
  }

  /** Gives back what no record used. */
  close(): void {
    for (const data of this.#reserved) data.dropReservations();
    for (const data of this.#base.prepared.values()) data.release();
    this.#base.prepared.clear();
  }

  #plan(change: ShardChange, timestamp: bigint): LogRecord[] {
    const record = (body: Partial<LogRecord>): LogRecord => ({
      vchannel: this.#base.channel.vchannel,
      timestamp,
      write: undefined,
      seal: undefined,
      dropPartition: undefined,
      writeId: undefined,
      ...body,
    });
    switch (change.kind) {
      case 'seal':
        return [record({ seal: { segmentIds: this.#seal(change.segmentIds) } })];
      case 'dropPartition':
        this.#set(change.partitionId, undefined);
        this.#dropped.add(change.partitionId);
        return [record({ dropPartition: { partitionId: change.partitionId } })];
      case 'write': {
        const { deletedKeys, deletedPartitionId } = change;
        this.#checkThere(change);
        this.#checkUnchanged(change);
        this.#checkColumns(change);
        const packed = change.inserts.map(({ partitionId, rows }) => ({
          partitionId,
          rows: packBatch(rows),
        }));
        checkRecordBytes(deletedKeys, packed);
        const full: bigint[] = [];
        const inserts = packed.map(({ partitionId, rows }): SegmentRows => {
          const segmentId = this.#assign(partitionId, rows, full);
          this.#reserve(segmentId, partitionId, rows);
          return { partitionId, segmentId, rows };
        });
        const write = record({
          write: { deletedKeys: deletedKeys && ownColumn(deletedKeys), deletedPartitionId, inserts },
          writeId: change.id,
        });
        this.#writes.push(change);
        // Its time is the last one before the write: who reads at the time of the write, between the two, would miss the write, and rest on rows that it changed.
        const seal = { timestamp: timestamp - 1n, seal: { segmentIds: full } };
        return full.length === 0 ? [write] : [record(seal), write];
      }
    }
  }

  /** Rows of a dropped partition would be acknowledged and gone: who sent them looks again where they belong. @throws partition_not_found */
  #checkThere({ inserts }: WriteChange): void {
    for (const { partitionId } of inserts) {
      if (!this.#base.isDropped(partitionId) && !this.#dropped.has(partitionId)) continue;
      throw new ElanusError(
        'partition_not_found',
        `partition not found[partition=${partitionId}]: it was dropped or truncated meanwhile; describe the collection again`,
      );
    }
  }

  /**
   * What is asked here holds when the record is applied: groups take turns, and within a group changes are planned in the order in which
   * they are applied. @throws rows_changed
   */
  #checkUnchanged({ deletedKeys, unchangedSince = 0n }: WriteChange): void {
    if (unchangedSince === 0n || deletedKeys === undefined) return;
    const keys = new KeySet(deletedKeys);
    const isChanged =
      this.#base.hasChanged(keys, unchangedSince) ||
      this.#writes.some((write) =>
        writtenKeys(write, this.#base.schema).some((column) => keys.hasAnyOf(column)),
      );
    if (isChanged)
      throw new ElanusError(
        'rows_changed',
        `a row was written or deleted after ${unchangedSince}, when it was read to be changed; read it again`,
      );
  }

  /** The write was made before a field was dropped, or a function came: its maker reads the schema again. @throws schema_mismatch */
  #checkColumns({ inserts }: WriteChange): void {
    const { schema } = this.#base;
    const refuse = (fact: string): never => {
      const what = `collection schema mismatch[collection=${schema.name}]`;
      throw new ElanusError('schema_mismatch', `${what}: ${fact}; describe the collection again`);
    };
    for (const { rows } of inserts) {
      if (withKnownColumns(rows, schema) !== rows) refuse('a column of the write is of no field any more');
      if (lackedOutputs(schema, (id) => findColumn(rows, id) !== undefined).length > 0)
        refuse('the write lacks what a new function makes');
    }
  }

  /** What grows, and what earlier changes of this draft will have begun. */
  #seal(wanted: readonly bigint[]): bigint[] {
    const isWanted = (id: bigint): boolean => wanted.length === 0 || wanted.includes(id);
    const ids = new Set<bigint>();
    for (const segment of this.#base.segments.values())
      if (segment.state === 'growing' && isWanted(segment.id)) ids.add(segment.id);
    for (const [partitionId, open] of new Map([...this.#base.open, ...this.#open])) {
      if (open === undefined || !isWanted(open.id)) continue;
      ids.add(open.id);
      this.#set(partitionId, undefined);
    }
    return [...ids];
  }

  /** The growing segment that takes these rows; one that would outgrow its bounds is sealed first. */
  #assign(partitionId: bigint, rows: ColumnBatch, full: bigint[]): bigint {
    const bytes = appliedBytes(this.#base.schema, rows);
    let open = this.#open.has(partitionId) ? this.#open.get(partitionId) : this.#base.open.get(partitionId);
    if (open !== undefined && open.bytes > 0 && this.#isFull(open, bytes, rows.rowCount)) {
      full.push(open.id);
      open = undefined;
    }
    open ??= { id: this.#takeId(), bytes: 0, rows: 0 };
    this.#set(partitionId, { id: open.id, bytes: open.bytes + bytes, rows: open.rows + rows.rowCount });
    return open.id;
  }

  #isFull(open: OpenSegment, bytes: number, rows: number): boolean {
    const data = this.#base.segments.get(open.id)?.data;
    // A segment has what a function makes in all of its rows or in none.
    if (data !== undefined && lackedOutputs(this.#base.schema, (id) => data.hasField(id)).length > 0)
      return true;
    return open.bytes + bytes > this.#base.segmentBytesMax || open.rows + rows > SEGMENT_ROWS_MAX;
  }

  #takeId(): bigint {
    const { ids } = this.#base;
    // Reserved by `idsNeeded`; that there is none is a fault of ours.
    const id = must(ids.shift(), 'a reserved segment id');
    this.#undo.push(() => ids.unshift(id));
    return id;
  }

  #set(partitionId: bigint, open: OpenSegment | undefined): void {
    const [had, before] = [this.#open.has(partitionId), this.#open.get(partitionId)];
    this.#undo.push(() => {
      if (had) this.#open.set(partitionId, before);
      else this.#open.delete(partitionId);
    });
    this.#open.set(partitionId, open);
  }

  #reserve(segmentId: bigint, partitionId: bigint, rows: ColumnBatch): void {
    const { prepared, segments } = this.#base;
    let data = segments.get(segmentId)?.data ?? prepared.get(segmentId);
    if (data === undefined) {
      const fresh = this.#base.createSegment(segmentId, partitionId, rows);
      data = fresh;
      prepared.set(segmentId, fresh);
      this.#undo.push(() => {
        prepared.delete(segmentId);
        this.#reserved.delete(fresh);
        fresh.release();
      });
    }
    this.#reserved.add(data);
    data.reserve(rows);
  }
}

type WriteChange = Extract<ShardChange, { readonly kind: 'write' }>;

function writtenKeys({ deletedKeys, inserts }: WriteChange, schema: CollectionSchema): Column[] {
  const primary = primaryField(schema).fieldID;
  const inserted = inserts.flatMap(({ rows }) => findColumn(rows, primary) ?? []);
  return deletedKeys === undefined ? inserted : [deletedKeys, ...inserted];
}

const packBatch = (rows: ColumnBatch): ColumnBatch => ({
  rowCount: rows.rowCount,
  columns: rows.columns.map((column) => packNulls(column, rows.rowCount)),
});

/** The reader of the log takes no longer entry. Counted before it is encoded, a little on the high side. */
function checkRecordBytes(
  deletedKeys: Column | undefined,
  inserts: readonly { readonly rows: ColumnBatch }[],
): void {
  let bytes = COLUMN_OVERHEAD_BYTES * (1 + inserts.length);
  const add = (column: Column): void => {
    bytes += columnBytes(column) + COLUMN_OVERHEAD_BYTES;
  };
  if (deletedKeys !== undefined) add(deletedKeys);
  for (const { rows } of inserts) for (const column of rows.columns) add(column);
  if (bytes > PAYLOAD_BYTES_MAX)
    throw tooLarge(`the request is a log entry of ${bytes} bytes, expected at most ${PAYLOAD_BYTES_MAX}`);
}

const outOfMemory = (cause: RangeError): ElanusError =>
  new ElanusError(
    'memory_insufficient',
    `no memory for the rows of the request (${cause.message}); send fewer rows, or try again later`,
    {
      cause,
    },
  );
/** A column that outlives the request's buffer. */
export const ownColumn = (column: Column): Column => ({
  ...column,
  data: column.data.slice(),
  offsets: column.offsets.slice(),
  valid: column.valid.slice(),
});
