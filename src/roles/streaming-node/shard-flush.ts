// Writes a shard's sealed segments and buffered deletes to files and commits them: files first, then one catalog transaction with the
// checkpoint. A failed round is tried again with back-off; nothing is forgotten before the catalog has it. What a round wrote and did not
// commit it removes, so that rounds that fail on a full disk do not fill it further.

import { ElanusError, messageOf } from '#base/errors.js';
import { LazySet } from '#base/maps/lazy-map.js';
import { nextFloat } from '#base/random.js';
import { columnBytes, concatBatches, rowCountOf } from '#model/columns/column.js';
import type { Platform } from '#platform/platform.js';
import { type ColumnBatch, SegmentRecord } from '#proto/elanus/data.js';
import type { ChannelRegistryDefinition } from '#proto/elanus/roles.js';
import type { Client } from '#rpc/service.js';
import { writeDeletes } from '#segment/files/delta-log.js';
import { throwIfAborted, writeSegment } from '#segment/files/insert-log.js';
import { manifestKey, writeManifest } from '#segment/files/manifest.js';
import { LOG_SUFFIX } from '#segment/files/object-file.js';
import type { Shard } from './shard.js';
import type { BufferedDeletes, GrowingSegment } from './shard-change.js';
import { noteFlush } from './shard-metrics.js';

/** Keys of one file of deletes; a single larger request has a file of its own. */
const DELETE_FILE_BYTES_MAX = 256 * 1024 * 1024;
const RETRY_MS_MIN = 100;
const RETRY_MS_MAX = 5000;
/** Rounds in a row that fail before a shutdown waits for files no longer. */
const FAILURES_MAX = 3;

export interface ShardFlushParts {
  readonly platform: Platform;
  readonly shard: Shard;
  readonly channelRegistry: Client<typeof ChannelRegistryDefinition>;
  readonly allocateIds: (count: number) => Promise<bigint>;
  /** Called after a commit with what became files. */
  readonly onCommitted: (segments: readonly SegmentRecord[], checkpointLsn: bigint) => void;
  /** The catalog has no such channel any more. */
  readonly onGone: () => void;
}

export class ShardFlush {
  readonly #parts: ShardFlushParts;
  #isStarted = false;
  #requested = false;
  #running: Promise<void> | undefined;
  /** Made with the first round: most of ten thousand shards write nothing for long. */
  #stop: AbortController | undefined;
  #isStopped = false;
  /** Rounds that failed since the last one that did not. */
  #failures = 0;
  #lastFailure: string | undefined;
  readonly #failing = new LazySet<(error: unknown) => void>();

  constructor(parts: ShardFlushParts) {
    this.#parts = parts;
  }

  /** Asks for a round; many asks while one runs are one more round. */
  request(): void {
    this.#requested = true;
    if (this.#isStarted) this.#run();
  }

  /** The shard is whole, as are the others of its log: rounds that were asked for run from now on. */
  start(): void {
    this.#isStarted = true;
    if (this.#requested) this.#run();
  }

  #run(): void {
    this.#running ??= this.#loop().finally(() => {
      this.#running = undefined;
      // Asked for between the last look and the end of the loop.
      const { shard } = this.#parts;
      if (this.#requested && !this.#isStopped && !shard.closed && shard.failure === undefined) this.#run();
    });
  }

  /**
   * A round that still writes files stops at the next of their parts and leaves none of them: the rows stay in the log. One that commits ends
   * by itself. Nothing of it runs when this settles, so whoever closes the files afterwards closes them under nobody.
   */
  async close(): Promise<void> {
    this.#isStopped = true;
    this.#stop?.abort();
    await this.#running;
  }

  get #signal(): AbortSignal {
    this.#stop ??= new AbortController();
    if (this.#isStopped) this.#stop.abort();
    return this.#stop.signal;
  }

  /** The work's outcome, or the reason why rounds keep failing. The rounds go on. */
  unlessFailing(work: Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#failing.add(reject);
      work.then(resolve, reject).finally(() => this.#failing.delete(reject));
    });
  }

  /** Why the last round failed, when none has succeeded since. */
  get failure(): string | undefined {
    return this.#lastFailure;
  }

  async #loop(): Promise<void> {
    const { platform, shard } = this.#parts;
    let retryMs = RETRY_MS_MIN;
    while (this.#requested && !this.#isStopped && !shard.closed && shard.failure === undefined) {
      this.#requested = false;
      try {
        await this.#round();
        retryMs = RETRY_MS_MIN;
        this.#failures = 0;
        this.#lastFailure = undefined;
      } catch (error) {
        if (shard.closed) return;
        if (this.#isStopped) {
          platform.logger.debug('flush_stopped', {
            vchannel: shard.channel.vchannel,
            reason: messageOf(error),
          });
          return;
        }
        platform.logger.warn('flush_round_failed', {
          vchannel: shard.channel.vchannel,
          reason: messageOf(error),
          retryMs,
        });
        const key = error instanceof ElanusError ? error.key : undefined;
        // A newer owner has the channel: it will write these rows from the log.
        if (key === 'channel_moved') return;
        if (key === 'channel_not_found') return this.#parts.onGone();
        this.#lastFailure = messageOf(error);
        if (++this.#failures >= FAILURES_MAX) for (const reject of this.#failing) reject(error);
        await platform.timers
          .sleep(retryMs * (0.8 + 0.4 * nextFloat(platform.random)), this.#signal)
          .catch(() => {});
        retryMs = Math.min(RETRY_MS_MAX, retryMs * 2);
        this.#requested = true;
      }
    }
  }

  async #round(): Promise<void> {
    const { clock, metrics } = this.#parts.platform;
    const begunMs = clock.monotonic();
    const begun: BegunWrite[] = [];
    try {
      const written = await this.#flush(begun);
      noteFlush(metrics, written, clock.monotonic() - begunMs);
    } catch (error) {
      if (!this.#isStopped) noteFlush(metrics, undefined, clock.monotonic() - begunMs);
      if (!mayBeCommitted(error, begun)) await this.#discard(begun);
      throw error;
    }
  }

  async #flush(begun: BegunWrite[]): Promise<readonly SegmentRecord[]> {
    const { platform, shard, channelRegistry, allocateIds } = this.#parts;
    const sealed = [...shard.segments.values()].filter((segment) => segment.state === 'sealed');
    const deletes = [...shard.deletes];
    const groups = deleteGroups(deletes);
    const logId = await allocateIds(sealed.length + groups.length * 2);
    const records: SegmentRecord[] = [];
    for (const [index, segment] of sealed.entries()) {
      // An empty segment is not written, and ends here.
      if (segment.data.rowCount > 0) {
        begun.push(this.#begin('insert_log', segment, logId + BigInt(index)));
        records.push(await this.#writeSegment(segment, logId + BigInt(index)));
      }
    }
    let nextId = logId + BigInt(sealed.length);
    for (const { partitionId, deletes: group } of groups) {
      throwIfAborted(this.#signal);
      const address = { id: nextId, partitionId: partitionId === 0n ? -1n : partitionId };
      begun.push(this.#begin('delta_log', address, nextId + 1n));
      records.push(await this.#writeDeletes(group, address.partitionId, nextId, nextId + 1n));
      nextId += 2n;
    }
    // A partition dropped meanwhile takes its segments and deletes along: they are no longer ours to commit.
    const deletedIn = new Set(shard.deletes.map(({ partitionId }) => partitionId));
    const alive = records.filter((record) =>
      record.isLevelZero
        ? record.partitionId < 0n || deletedIn.has(record.partitionId)
        : shard.segments.has(record.id),
    );
    const checkpoint = shard.checkpointAfter(sealed, deletes);
    for (const one of begun) one.isOffered = true;
    await channelRegistry.commitFlush({
      vchannel: shard.channel.vchannel,
      epoch: shard.channel.epoch,
      segments: alive,
      checkpointLsn: checkpoint.lsn,
      checkpointTimestamp: checkpoint.timestamp,
    });
    const dropped = records.filter((record) => !alive.includes(record));
    await this.#discard(begun.filter(({ segmentId }) => dropped.some(({ id }) => id === segmentId)));
    for (const { manifestKey } of dropped) await platform.objectStore.remove(manifestKey).catch(() => {}); // Else the next start removes it.
    // Sealed without rows, or dropped: nothing was committed for them, and nothing is left to keep.
    shard.committed(sealed, deletes, checkpoint.timestamp);
    for (const segment of sealed) if (segment.data.rowCount === 0) shard.forget(segment.id);
    platform.logger.debug('flush_committed', {
      vchannel: shard.channel.vchannel,
      segments: alive.length,
      checkpointLsn: checkpoint.lsn,
    });
    this.#parts.onCommitted(alive, checkpoint.lsn);
    return alive;
  }

  #begin(
    folder: BegunWrite['folder'],
    { id, partitionId }: { readonly id: bigint; readonly partitionId: bigint },
    logId: bigint,
  ): BegunWrite {
    return { folder, segmentId: id, partitionId, logId, isOffered: false };
  }

  /**
   * Removes the files of these writes. The manifest of a segment stays: it may be a newer owner's; the next write replaces it, or the next
   * start removes it. Deletes are written under an id that no other round has: their manifest goes.
   */
  async #discard(writes: readonly BegunWrite[]): Promise<void> {
    const { platform, shard } = this.#parts;
    for (const { folder, partitionId, segmentId, logId } of writes) {
      try {
        const keys = await platform.objectStore.list(
          `${folder}/${shard.channel.collectionId}/${partitionId}/${segmentId}/`,
        );
        for (const key of keys)
          if (key.endsWith(`/${logId}${LOG_SUFFIX}`)) await platform.objectStore.remove(key);
        if (folder === 'delta_log')
          await platform.objectStore.remove(
            manifestKey({ collectionId: shard.channel.collectionId, partitionId, segmentId }),
          );
      } catch (error) {
        platform.logger.warn('flush_files_kept', { segmentId, reason: messageOf(error) });
      }
    }
  }

  async #writeSegment(segment: GrowingSegment, logId: bigint): Promise<SegmentRecord> {
    const { platform, shard, allocateIds } = this.#parts;
    const address = {
      collectionId: shard.channel.collectionId,
      partitionId: segment.partitionId,
      segmentId: segment.id,
    };
    const rowCount = segment.data.rowCount;
    // Names of the rows for other tools: a write that is done again gives its rows others.
    const rowIdBegin = await allocateIds(rowCount);
    const files = await writeSegment(platform, {
      address,
      schema: shard.schema,
      data: segment.data,
      rowBegin: 0,
      rowEnd: rowCount,
      logId,
      rowIdBegin,
      signal: this.#signal,
    });
    const record = this.#record({
      id: segment.id,
      partitionId: segment.partitionId,
      rowCount: BigInt(rowCount),
      files,
      from: segment.data.timestampFrom,
      to: segment.data.timestampTo,
      isLevelZero: false,
    });
    return {
      ...record,
      manifestKey: await writeManifest(platform, { schema: shard.schema, segment: record }),
    };
  }

  async #writeDeletes(
    deletes: readonly BufferedDeletes[],
    partitionId: bigint,
    segmentId: bigint,
    logId: bigint,
  ): Promise<SegmentRecord> {
    const { platform, shard } = this.#parts;
    const batches: ColumnBatch[] = deletes.map(({ keys }) => ({
      rowCount: rowCountOf(keys, 0),
      columns: [keys],
    }));
    const keys = concatBatches(batches).columns[0];
    if (keys === undefined) throw new ElanusError('internal', 'deletes without keys');
    const timestamps = new BigUint64Array(batches.reduce((sum, batch) => sum + batch.rowCount, 0));
    let at = 0;
    for (const [index, batch] of batches.entries()) {
      timestamps.fill(deletes[index]?.timestamp ?? 0n, at, at + batch.rowCount);
      at += batch.rowCount;
    }
    const address = { collectionId: shard.channel.collectionId, partitionId, segmentId };
    const file = await writeDeletes(platform, {
      address,
      schema: shard.schema,
      logId,
      deletes: { keys, timestamps },
    });
    const record = this.#record({
      id: segmentId,
      partitionId,
      rowCount: BigInt(timestamps.length),
      files: [file],
      from: timestamps[0] ?? 0n,
      to: timestamps.at(-1) ?? 0n,
      isLevelZero: true,
    });
    return {
      ...record,
      manifestKey: await writeManifest(platform, { schema: shard.schema, segment: record }),
    };
  }

  #record(facts: {
    id: bigint;
    partitionId: bigint;
    rowCount: bigint;
    files: SegmentRecord['files'];
    from: bigint;
    to: bigint;
    isLevelZero: boolean;
  }): SegmentRecord {
    const { channel } = this.#parts.shard;
    return SegmentRecord.create({
      id: facts.id,
      collectionId: channel.collectionId,
      partitionId: facts.partitionId,
      vchannel: channel.vchannel,
      state: 'flushed',
      rowCount: facts.rowCount,
      files: [...facts.files],
      timestampFrom: facts.from,
      timestampTo: facts.to,
      commitTimestamp: 0n,
      manifestKey: '',
      isLevelZero: facts.isLevelZero,
      indexes: [],
    });
  }
}

/** A segment's files of one round: all of them end in the id of the write. */
interface BegunWrite {
  readonly folder: 'insert_log' | 'delta_log';
  readonly segmentId: bigint;
  readonly partitionId: bigint;
  readonly logId: bigint;
  /** A commit that names them is on its way. */
  isOffered: boolean;
}

/** Refusals after which it is certain that nothing was committed. */
const REFUSALS: ReadonlySet<string> = new Set(['channel_moved', 'channel_not_found', 'object_not_found']);
const mayBeCommitted = (error: unknown, begun: readonly BegunWrite[]): boolean =>
  begun.some(({ isOffered }) => isOffered) && !(error instanceof ElanusError && REFUSALS.has(error.key));

interface DeleteGroup {
  readonly partitionId: bigint;
  readonly deletes: BufferedDeletes[];
  bytes: number;
}

/** What becomes a file each: deletes of one partition, or of all, and no more keys than can be read back at once. */
export function deleteGroups(
  deletes: readonly BufferedDeletes[],
  bytesMax: number = DELETE_FILE_BYTES_MAX,
): readonly DeleteGroup[] {
  const groups: DeleteGroup[] = [];
  const open = new Map<bigint, DeleteGroup>();
  for (const one of deletes) {
    const bytes = columnBytes(one.keys);
    let group = open.get(one.partitionId);
    if (group === undefined || group.bytes + bytes > bytesMax) {
      group = { partitionId: one.partitionId, deletes: [], bytes: 0 };
      open.set(one.partitionId, group);
      groups.push(group);
    }
    group.deletes.push(one);
    group.bytes += bytes;
  }
  return groups;
}
